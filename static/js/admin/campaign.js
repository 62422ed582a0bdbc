/* A step shows only the fields of its kind. */
(() => {
  "use strict";

  const FIELDS = { tag: ["tag"], message: ["template", "offer", "news", "valid_days"] };

  function arrange(step) {
    const kind = step.querySelector("select[name$=-kind]");
    if (!kind) return;
    for (const [name, fields] of Object.entries(FIELDS)) {
      for (const field of fields) {
        const line = step.querySelector(`.field-${field}`);
        const row = line && (line.closest(".field-row") || line);
        if (row) row.hidden = kind.value !== name;
      }
    }
  }

  function arrangeAll() {
    document.querySelectorAll("#steps-group .form-group").forEach(arrange);
  }

  document.addEventListener("DOMContentLoaded", arrangeAll);
  document.addEventListener("change", (event) => {
    if (event.target.matches("select[name$=-kind]")) arrange(event.target.closest(".form-group"));
  });
  document.addEventListener("formset:added", arrangeAll);
})();
