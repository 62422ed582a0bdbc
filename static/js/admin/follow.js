/* What stands beside a form follows what is typed: the server draws it. Only the fields that
   mean something for what was chosen are shown; the rest keep their values, unseen. */
(() => {
  "use strict";

  // "some": the field is filled in with something other than zero.
  function holds(form, wanted, fixed) {
    return Object.entries(wanted).every(([name, values]) => {
      const field = form.elements.namedItem(name);
      // What can no longer be chosen is told beside the form.
      if (!field) return !(name in fixed) || values.includes(fixed[name]);
      if (values === "some") return field.value.trim() !== "" && Number(field.value) !== 0;
      return values.includes(field.value);
    });
  }

  function arrange(form, shown, fixed) {
    for (const [name, wanted] of Object.entries(shown)) {
      // Not elements[name]: a field may be called “length”.
      const field = form.elements.namedItem(name);
      const one = field instanceof RadioNodeList ? field[0] : field;
      const line = one && one.closest(".field-line");
      if (line) line.hidden = !holds(form, wanted, fixed);
    }
    for (const row of form.querySelectorAll(".field-row")) {
      const lines = [...row.querySelectorAll(".field-line")];
      if (lines.length) row.hidden = lines.every((line) => line.hidden);
    }
    for (const set of form.querySelectorAll("fieldset")) {
      const rows = [...set.querySelectorAll(".field-row")];
      if (rows.length) set.hidden = rows.every((row) => row.hidden);
    }
  }

  // A picture that was just chosen is known to the browser only; the card shows it as well.
  function showPicture(aside, form) {
    const chosen = form.querySelector("[data-picture] [data-shown]");
    const place = aside.querySelector(".offer-picture");
    if (!chosen || !place || chosen.hidden || !chosen.src) return;
    const image = document.createElement("img");
    image.alt = "";
    image.src = chosen.src;
    place.replaceChildren(image);
  }

  function follow(aside, form, changed) {
    const place = aside.querySelector("[data-follow-place]");
    let timer = 0;
    let asked = 0;

    async function draw() {
      const number = ++asked;
      const data = new FormData(form);
      // A file is not sent with every letter; what it shows, the browser knows.
      for (const [name, value] of [...data]) if (value instanceof File) data.delete(name);
      const response = await fetch(aside.dataset.followUrl, { method: "POST", body: data });
      // The answer is our own template with every value escaped; a late one is dropped.
      if (response.ok && number === asked) place.innerHTML = await response.text();
      showPicture(aside, form);
    }

    // It is read from the file a moment after it was chosen.
    form.addEventListener("load", () => showPicture(aside, form), true);
    changed(() => {
      clearTimeout(timer);
      timer = setTimeout(draw, 300);
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const aside of document.querySelectorAll("[data-follow]")) {
      const form = document.getElementById(aside.dataset.follow);
      if (!form) continue;
      const told = document.getElementById(aside.dataset.shownBy);
      const shown = JSON.parse(told ? told.textContent : aside.dataset.shown || "{}");
      const fixed = JSON.parse(aside.dataset.fixed || "{}");
      const jquery = window.django && window.django.jQuery;

      function changed(work) {
        form.addEventListener("input", work);
        form.addEventListener("change", work);
        // Fields that complete what is typed tell it to jQuery only.
        if (jquery) jquery(form).on("change", work);
      }

      arrange(form, shown, fixed);
      changed(() => arrange(form, shown, fixed));
      if (aside.dataset.followUrl) follow(aside, form, changed);
    }
  });
})();
