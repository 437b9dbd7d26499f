// Before the first paint, so that a chosen theme does not flash. A file of its own: a strict
// Content-Security-Policy forbids scripts within the page.
try {
  const theme = localStorage.getItem("ranvier.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {}
