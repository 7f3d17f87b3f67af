// Shows an error on the page itself: a report drawn by half would look like a complete one.

const root = document.documentElement;

// An error must be visible: a report that is only half drawn looks like a good one.
function fail(message) {
  root.dataset.state = 'failed';
  const box = document.getElementById('problem');
  box.textContent = 'This report could not be drawn completely: ' + message;
  box.hidden = false;
}
window.addEventListener('error', (e) => fail(e.message || String(e.error)));
window.addEventListener('unhandledrejection', (e) => fail(String(e.reason)));
