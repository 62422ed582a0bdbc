/* The form of an earn rule: the sentence above it follows what is typed (the server says it),
   and only the fields that mean something for this kind of rule are shown. */
(() => {
  "use strict";

  const ORDER = { trigger: ["order"] };
  const COUNTED = ["per_amount", "per_unit"];
  const VARIES = [...COUNTED, "percent", "bands", "multiplier"];
  // When a field means something; a rule that breaks it keeps its value, unseen and unasked.
  const SHOWN = {
    activity_type: { trigger: ["activity"] },
    points: { method: [...COUNTED, "fixed", "extra"] },
    amount: { method: COUNTED },
    percent: { method: ["percent"] },
    factor: { method: ["multiplier"] },
    rounding: { method: VARIES },
    order_limit: { ...ORDER, method: VARIES },
    minimum_total: ORDER,
    scope: ORDER,
    group: { stacking: ["best"] },
    hold_days: { hold: ["days", "delivery"] },
    hold_date: { hold: ["date"] },
  };
  const BANDS = { method: ["bands"] };

  function arrange(form) {
    const holds = (wanted) =>
      Object.entries(wanted).every(([name, values]) => {
        const field = form.elements[name];
        return !field || values.includes(field.value);
      });
    for (const [name, wanted] of Object.entries(SHOWN)) {
      const field = form.elements[name];
      const line = field && field.closest(".field-line");
      if (line) line.hidden = !holds(wanted);
    }
    for (const row of form.querySelectorAll(".field-row")) {
      const lines = [...row.querySelectorAll(".field-line")];
      if (lines.length) row.hidden = lines.every((line) => line.hidden);
    }
    const bands = document.getElementById("bands-group");
    if (bands) bands.hidden = !holds(BANDS);
  }

  function followSentence(place, form) {
    let timer = 0;

    async function say() {
      const response = await fetch(place.dataset.sentenceUrl, { method: "POST", body: new FormData(form) });
      if (response.ok) place.querySelector("[data-sentence]").textContent = (await response.json()).sentence;
    }

    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(say, 250);
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    const form = document.getElementById("earnrule_form");
    if (!form) return;
    arrange(form);
    form.addEventListener("change", () => arrange(form));
    const place = document.querySelector("[data-sentence-url]");
    if (place) followSentence(place, form);
  });
})();
