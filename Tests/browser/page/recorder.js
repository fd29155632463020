// Follows an event stream as any page would, and keeps every event that comes, in order.
// The browser reconnects and resumes by itself: nothing here helps it.
window.seen = [];

window.follow = (url) => {
  window.source = new EventSource(url);
  for (const name of ["stream-open", "stream-reset", "greeting", "message"]) {
    window.source.addEventListener(name, (event) => {
      window.seen.push({ name, data: event.data, id: event.lastEventId });
      const list = document.getElementById("events");
      if (list) {
        const row = list.insertRow();
        for (const text of [event.lastEventId, name, event.data]) {
          row.insertCell().textContent = text;
        }
      }
    });
  }
};
