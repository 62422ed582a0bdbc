/* The phone beside a message template follows what is typed; the server fills it in. */
(() => {
  "use strict";

  document.addEventListener("DOMContentLoaded", () => {
    const aside = document.querySelector("[data-preview-url]");
    const form = document.getElementById("messagetemplate_form");
    if (!aside || !form) return;
    const place = aside.querySelector("[data-preview]");
    let timer = 0;

    async function draw() {
      const body = new FormData(form);
      // These choose what is shown and are no part of the template.
      for (const field of aside.querySelectorAll("[name^=preview_]")) body.set(field.name, field.value);
      const response = await fetch(aside.dataset.previewUrl, { method: "POST", body });
      // The answer is our own template with every value escaped.
      if (response.ok) place.innerHTML = await response.text();
    }

    for (const part of [form, aside]) {
      part.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(draw, 350);
      });
    }
    draw();
  });
})();
