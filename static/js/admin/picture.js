/* Shows a chosen picture as members will see it, before the form is saved. */
(() => {
  "use strict";

  const WHITE = 245;

  // As in core/picture_files.py: what is white all along its edge is shown whole.
  function standsOnWhite(image) {
    const side = 100;
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = side;
    const brush = canvas.getContext("2d", { willReadFrequently: true });
    brush.fillStyle = "#fff";
    brush.fillRect(0, 0, side, side);
    brush.drawImage(image, 0, 0, side, side);
    const edges = [[0, 0, side, 1], [0, side - 1, side, 1], [0, 0, 1, side], [side - 1, 0, 1, side]];
    return edges.every((edge) => brush.getImageData(...edge).data.every((value) => value >= WHITE));
  }

  function watch(field) {
    const file = field.querySelector("input[type=file]");
    const remove = field.querySelector("[data-remove]");
    const shown = field.querySelector("[data-shown]");
    const none = field.querySelector("[data-none]");
    const present = shown.getAttribute("src");
    // From here on the frame tells what was chosen; the browser's own words are not needed.
    field.classList.add("is-live");

    function show(address) {
      shown.hidden = !address;
      none.hidden = Boolean(address);
      if (address) shown.src = address;
    }

    shown.addEventListener("load", () => {
      shown.style.objectFit = standsOnWhite(shown) ? "contain" : "cover";
    });
    // What no browser can show, the server will refuse with a sentence.
    shown.addEventListener("error", () => show(null));
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

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-picture]").forEach(watch);
  });
})();
