/* The board of gifts: one tick for a whole column, and buttons that say how many they mean. */
(() => {
  "use strict";

  function count(column) {
    const ticked = column.querySelectorAll('[name="gift"]:checked').length;
    column.classList.toggle("has-ticked", ticked > 0);
    const all = column.querySelector("[data-all]");
    const boxes = column.querySelectorAll('[name="gift"]').length;
    if (all) {
      all.checked = boxes > 0 && ticked === boxes;
      all.indeterminate = ticked > 0 && ticked < boxes;
    }
    for (const button of column.querySelectorAll("[data-needs-tick]")) button.disabled = !ticked;
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const column of document.querySelectorAll("[data-column]")) {
      column.addEventListener("change", (event) => {
        if (event.target.matches("[data-all]")) {
          for (const box of column.querySelectorAll('[name="gift"]')) box.checked = event.target.checked;
        }
        count(column);
      });
      count(column);
    }
    const print = document.querySelector("[data-print]");
    if (print) print.addEventListener("click", () => window.print());
  });
  // The browser keeps ticks when one comes back to the page.
  window.addEventListener("pageshow", () => {
    for (const column of document.querySelectorAll("[data-column]")) count(column);
  });
})();
