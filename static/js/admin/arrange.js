/* Lines that are moved by their arrows; dragging is the theme's. The order of the lines is the
   order of the hidden fields in them, so the form says it by itself. */
(() => {
  "use strict";

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-arrange] [data-move]");
    if (!button) return;
    const line = button.closest("li");
    const other = button.dataset.move === "1" ? line.nextElementSibling : line.previousElementSibling;
    if (!other) return;
    if (button.dataset.move === "1") other.after(line);
    else other.before(line);
    button.focus();
  });
})();
