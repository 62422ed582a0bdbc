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
      const response = await fetch(aside.dataset.previewUrl, { method: "POST", body: new FormData(form) });
      // The answer is our own template with every value escaped.
      if (response.ok) place.innerHTML = await response.text();
    }

    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(draw, 350);
    });
    draw();
  });
})();
