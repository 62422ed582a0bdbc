/* Shows a chosen picture cut as members will see it, before the form is saved. */
(() => {
  "use strict";

  function watch(field) {
    const file = field.querySelector("input[type=file]");
    const remove = field.querySelector("[data-remove]");
    const shown = field.querySelector("[data-shown]");
    const none = field.querySelector("[data-none]");
    const present = shown.getAttribute("src");

    function show(address) {
      shown.hidden = !address;
      none.hidden = Boolean(address);
      if (address) shown.src = address;
    }

    file.addEventListener("change", () => {
      const [chosen] = file.files;
      if (!chosen) return show(present);
      // A new picture takes the place of the old one: there is nothing to remove.
      if (remove) remove.checked = false;
      const reader = new FileReader();
      reader.addEventListener("load", () => show(reader.result));
      reader.readAsDataURL(chosen);
    });
    if (remove) {
      remove.addEventListener("change", () => {
        if (remove.checked) file.value = "";
        show(remove.checked ? null : present);
      });
    }
  }

  document.querySelectorAll("[data-picture]").forEach(watch);
})();
