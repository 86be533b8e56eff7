// Keys for those who use them: everything here can be done without.
(() => {
  "use strict";
  const typing = (node) => node.closest("input, textarea, select, [contenteditable]");
  const rows = () => Array.from(document.querySelectorAll("[data-row]"));

  function move(step) {
    const all = rows();
    if (all.length === 0) return;
    const at = all.findIndex((row) => row.contains(document.activeElement));
    const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
    const link = next.querySelector("a.open");
    (link || next).focus();
    next.scrollIntoView({ block: "nearest" });
  }

  // The focused row's button; on a page without rows, the page's own.
  function press(key) {
    const row = document.activeElement && document.activeElement.closest("[data-row]");
    const scope = row || (rows().length === 0 ? document : null);
    const form = scope && scope.querySelector(`form[data-key="${key}"]`);
    if (form) form.requestSubmit();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "a" || event.key === "r") press(event.key);
    else if (event.key === "/") {
      const search = document.querySelector("[data-search]");
      if (!search) return;
      const fold = search.closest("details");
      if (fold) fold.open = true;
      search.focus();
      event.preventDefault();
    } else if (event.key === "?") {
      const keys = document.getElementById("keys");
      if (!keys) return;
      keys.open = true;
      keys.scrollIntoView({ block: "end" });
      keys.querySelector("summary").focus();
    }
  });

  // A form is sent once; a second tap of a tired thumb does nothing.
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.sent) event.preventDefault();
    else event.target.dataset.sent = "1";
  });
  // A page that comes back from the browser's memory may be sent again, and a menu closes when one taps elsewhere.
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));
  document.addEventListener("click", (event) => {
    document.querySelectorAll("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });
})();
