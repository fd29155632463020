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

// Follows a group over a WebSocket, and keeps what comes in the same way. A socket does not come back by itself: this does
// what any page has to do.
window.followSocket = (address, group) => {
  const url = new URL(address, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  let last = null;
  const open = () => {
    const socket = new WebSocket(url, "notify.v1");
    window.socket = socket;
    socket.onopen = () => {
      socket.send(JSON.stringify({ subscribe: { name: "s", groups: [group], last_event_id: last } }));
    };
    socket.onmessage = (event) => {
      const frame = JSON.parse(event.data);
      if (frame.subscribed) {
        last = frame.position;
        window.seen.push({ name: "stream-open", data: event.data, id: last });
      } else if (frame.reset) {
        last = frame.position;
        window.seen.push({ name: "stream-reset", data: event.data, id: last });
      } else if (frame.group) {
        last = frame.id;
        window.seen.push({ name: frame.event, data: frame.data, id: last });
      } else {
        (window.answers ??= []).push(frame);
      }
    };
    socket.onclose = (event) => {
      (window.closes ??= []).push({ code: event.code, reason: event.reason, wasClean: event.wasClean });
      const retry = /^retry=([0-9]+)$/.exec(event.reason);
      setTimeout(open, retry ? Number(retry[1]) : 200);
    };
  };
  open();
};
