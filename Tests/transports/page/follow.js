// Follows the same groups over each transport that a browser has, and keeps [id, data] of every message that comes.
// EventSource resumes by itself; the others do what any page has to do.
window.seen = { EventSource: [], WebSocket: [], fetch: [] };
window.resets = [];
window.opens = { EventSource: 0, WebSocket: 0, fetch: 0 };

const AGAIN = 50; // milliseconds

window.followEventSource = (url) => {
  const source = new EventSource(url);
  source.addEventListener("stream-open", () => window.opens.EventSource++);
  source.addEventListener("stream-reset", (event) => window.resets.push(event.data));
  source.addEventListener("message", (event) => window.seen.EventSource.push([event.lastEventId, event.data]));
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) window.resets.push("EventSource gave up");
  };
};

window.followWebSocket = (url, topics) => {
  let last = null;
  const open = () => {
    const socket = new WebSocket(url, "notify.v1");
    socket.onopen = () => {
      const from = last ? { last_event_id: last } : { since: "all" };
      socket.send(JSON.stringify({ subscribe: { name: "s", ...topics, ...from } }));
    };
    socket.onmessage = (event) => {
      const frame = JSON.parse(event.data);
      if (frame.subscribed) {
        window.opens.WebSocket++;
        last = frame.position;
      } else if (frame.group) {
        window.seen.WebSocket.push([frame.id, frame.data]);
        last = frame.id;
      } else {
        window.resets.push(event.data);
      }
    };
    socket.onclose = () => setTimeout(open, AGAIN);
  };
  open();
};

window.followFetch = async (url) => {
  let last = null;
  const take = (line) => {
    if (line === "") return;
    const event = JSON.parse(line);
    if (event.event === "stream-open") window.opens.fetch++;
    else if (event.event === "stream-reset") window.resets.push(line);
    else if (!event.event.startsWith("stream-")) window.seen.fetch.push([event.id, event.data]);
    // The last word of a server that stops has none.
    last = event.id ?? last;
  };
  for (;;) {
    try {
      const headers = { Accept: "application/x-ndjson", ...(last && { "Last-Event-ID": last }) };
      const response = await fetch(url, { headers });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const lines = (rest + part.value).split("\n");
        rest = lines.pop();
        lines.forEach(take);
      }
    } catch {
      // The server is away. What came of a line is not a line.
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
  }
};
