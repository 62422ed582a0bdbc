/* The sentence above an earn rule follows what is typed; the server says it. */
(() => {
  "use strict";

  document.addEventListener("DOMContentLoaded", () => {
    const place = document.querySelector("[data-sentence-url]");
    const form = document.getElementById("earnrule_form");
    if (!place || !form) return;
    let timer = 0;

    async function say() {
      const response = await fetch(place.dataset.sentenceUrl, { method: "POST", body: new FormData(form) });
      if (response.ok) place.querySelector("[data-sentence]").textContent = (await response.json()).sentence;
    }

    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(say, 250);
    });
  });
})();
