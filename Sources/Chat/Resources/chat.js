"use strict";
// The chat page: shows the stream of messages, and sends what is written. Text of people goes into text nodes only.
(() => {
    const find = (id) => document.getElementById(id);
    const meta = (name, page = document) => page.querySelector(`meta[name="${name}"]`).content;
    let me = meta("user-name");
    let token = meta("csrf-token");
    const [list, scroll, banner, toNewest] = ["messages", "scroll", "banner", "to-newest"].map(find);
    const [form, area, state, again, signIn] = ["composer", "content", "state", "again", "sign-in"].map(find);

    // --- Messages -------------------------------------------------------------------------------------------------

    const shown = new Map(); // id -> element: no message is shown twice, however often the connection breaks
    let arrived = []; // messages that the next frame will show
    let unread = 0;
    let missed = null; // how many came since the connection was back; null while nothing was missed

    let follows = true; // whether the newest message is looked at: changes by scrolling alone
    let height = scroll.clientHeight;

    // By the larger height: where the list has just shrunk, and the observer has not seen it, nobody has scrolled.
    function atNewest() {
        return scroll.scrollHeight - scroll.scrollTop - Math.max(height, scroll.clientHeight) < 80;
    }

    function scrolled() {
        follows = atNewest();
        if (unread > 0 && follows) scrollToNewest();
    }

    // What is written, or a banner, takes height from the list: the newest message stays in sight.
    new ResizeObserver(() => {
        height = scroll.clientHeight;
        if (follows) scrollToNewest();
    }).observe(scroll);

    function scrollToNewest() {
        follows = true;
        scroll.scrollTop = scroll.scrollHeight;
        unread = 0;
        showUnread();
    }

    function showUnread() {
        toNewest.hidden = unread === 0;
        toNewest.textContent = unread === 1 ? "1 new message ↓" : `${unread} new messages ↓`;
    }

    function element(tag, className, text) {
        const made = document.createElement(tag);
        made.className = className;
        if (text !== undefined) made.textContent = text;
        return made;
    }

    function hue(name) {
        let sum = 7;
        for (const character of name) sum = (sum * 31 + character.codePointAt(0)) % 360;
        return sum;
    }

    function setAuthor(item, name) {
        item.dataset.author = name;
        item.classList.toggle("own", name === me);
        const face = item.querySelector(".face");
        face.textContent = [...name][0] ?? "";
        face.style.setProperty("--hue", hue(name));
        item.querySelector("bdi").textContent = name;
    }

    function setFollows(item) {
        const before = item?.previousElementSibling;
        item?.classList.toggle("follows", before?.dataset.author === item.dataset.author);
    }

    function make(message) {
        const item = element("li", "message");
        item.dataset.id = message.id;
        const face = element("span", "face");
        face.setAttribute("aria-hidden", "true");
        const author = element("span", "author");
        author.append(element("bdi", ""), element("span", "unseen", ":"));
        const bubble = element("div", "bubble");
        const text = element("p", "text");
        text.dir = "auto";
        bubble.append(text);
        item.append(face, author, bubble);
        setAuthor(item, message.author__name);
        fill(text, message.content);
        return item;
    }

    /** Folds what would fill the page, and lays out no more of it than is seen. */
    function fill(text, content) {
        text.textContent = content;
        const lines = content.split("\n").length;
        if (lines <= 25 && content.length <= 3000) return;
        const beginning = content.slice(0, 3000).split("\n", 25).join("\n");
        text.textContent = beginning;
        text.classList.add("long");
        const all = lines > 25 ? `Show all ${lines.toLocaleString("en")} lines` : "Show all";
        const more = element("button", "more link", all);
        more.type = "button";
        more.setAttribute("aria-expanded", "false");
        more.addEventListener("click", () => {
            const isLong = text.classList.toggle("long");
            text.textContent = isLong ? beginning : content;
            more.textContent = isLong ? all : "Show less";
            more.setAttribute("aria-expanded", String(!isLong));
            follows = atNewest();
        });
        text.after(more);
    }

    function receive(event) {
        const message = JSON.parse(event.data);
        if (shown.has(message.id)) return;
        shown.set(message.id, null);
        if (missed !== null) missed += 1;
        arrived.push(message);
        if (arrived.length === 1) requestAnimationFrame(showArrived);
    }

    function showArrived() {
        const items = document.createDocumentFragment();
        let others = 0;
        for (const message of arrived) {
            if (!shown.has(message.id)) continue; // removed meanwhile
            const item = make(message);
            shown.set(message.id, item);
            items.append(item);
            if (message.author__name !== me) others += 1;
        }
        const added = [...items.children];
        arrived = [];
        list.append(items);
        added.forEach(setFollows);
        find("empty").hidden = list.childElementCount > 0;
        if (follows || find("log").getAttribute("aria-live") === "off") return scrollToNewest();
        unread += others;
        showUnread();
    }

    function remove(id) {
        const item = shown.get(id);
        shown.delete(id);
        const after = item?.nextElementSibling;
        item?.remove();
        setFollows(after);
        find("empty").hidden = list.childElementCount > 0;
    }

    /** The author of some messages has another name. */
    function rename(ids, name) {
        const renamed = new Set(ids);
        for (const message of arrived) if (renamed.has(message.id)) message.author__name = name;
        const items = ids.map((id) => shown.get(id)).filter(Boolean);
        for (const item of items) setAuthor(item, name);
        for (const item of items) [item, item.nextElementSibling].forEach(setFollows);
    }

    function clear() {
        for (const id of [...shown.keys()]) remove(id);
        arrived = [];
    }

    const sequence = (id) => BigInt(id.slice(id.lastIndexOf("-") + 1));

    scroll.addEventListener("scroll", scrolled, { passive: true });
    toNewest.addEventListener("click", () => { scrollToNewest(); area.focus(); });

    // --- Who is here ----------------------------------------------------------------------------------------------

    function showHere(here) {
        find("here-count").textContent = here.count;
        const items = here.names.map((name) => {
            const item = document.createElement("li");
            item.append(element("bdi", "", name), name === me ? " (you)" : "");
            return item;
        });
        const rest = here.count - here.names.length;
        if (rest > 0) items.push(element("li", "", `and ${rest} more`));
        find("here").replaceChildren(...items);
    }

    async function loadHere() {
        const answer = await fetch("/here/").catch(() => null);
        if (answer?.ok) showHere(await answer.json());
        return answer;
    }

    /** Whoever has signed in under another name in another window is here under that name too. */
    async function learnWhoIsHere() {
        const answer = await fetch("/").catch(() => null);
        if (!answer?.ok) return false;
        if (answer.redirected) return endSession();
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const known = token;
        token = meta("csrf-token", page);
        if (token === known) return false;
        me = meta("user-name", page);
        document.querySelector("h1 bdi").textContent = me;
        for (const item of shown.values()) item?.classList.toggle("own", item.dataset.author === me);
        keep();
        loadHere();
        return true;
    }

    document.addEventListener("click", (event) => {
        const here = document.querySelector("details.here");
        if (!here.contains(event.target)) here.open = false;
    });
    document.addEventListener("keydown", (event) => {
        if (event.key === "Escape") document.querySelector("details.here").open = false;
    });

    // --- The stream -----------------------------------------------------------------------------------------------

    let source = null;
    let position = ""; // of the last event; a new EventSource must be told, an old one knows
    let wasOpen = false;
    let heldAt = Date.now(); // when the connection was last seen to hold
    let retryTimer = 0;
    let quietTimer = 0;

    function say(text, isGood = false) {
        banner.textContent = text;
        banner.classList.toggle("good", isGood);
        banner.hidden = !text;
    }

    function connect() {
        clearTimeout(retryTimer);
        source?.close();
        const query = position ? `?last_event_id=${encodeURIComponent(position)}` : "";
        source = new EventSource("/stream-chat-messages/" + query);
        const on = (name, handle) => source.addEventListener(name, (event) => {
            if (event.lastEventId) position = event.lastEventId;
            handle(event);
            settleSoon();
        });
        on("stream-open", opened);
        on("stream-reset", reset);
        on("message", receive);
        on("here", (event) => showHere(JSON.parse(event.data)));
        on("removed", (event) => {
            const { ids, through } = JSON.parse(event.data);
            ids?.forEach(remove);
            if (through) [...shown.keys()].filter((id) => sequence(id) <= sequence(through)).forEach(remove);
        });
        on("renamed", (event) => {
            const { ids, to } = JSON.parse(event.data);
            rename(ids, to);
        });
        source.addEventListener("error", lost);
    }

    function opened() {
        // Within a day the server tells what was removed and renamed meanwhile. Rather an hour too early than too late.
        if (Date.now() - heldAt > 23 * 3600 * 1000) return loadAnew();
        if (wasOpen) learnWhoIsHere();
        loadHere();
        if (wasOpen && !banner.hidden) missed = 0;
        wasOpen = true;
        if (missed === null) say("");
    }

    /** What has come is the past; from here on a screen reader reads messages out. */
    function settleSoon() {
        clearTimeout(quietTimer);
        quietTimer = setTimeout(() => {
            find("log").setAttribute("aria-live", "polite");
            if (missed === null) return;
            const count = missed;
            missed = null;
            say(count === 0 ? "Connected again." : `Connected again: ${count === 1 ? "1 message" : count + " messages"} came meanwhile.`, true);
            setTimeout(() => { if (banner.classList.contains("good")) say(""); }, 5000);
        }, 300);
    }

    function reset(event) {
        clear();
        if (JSON.parse(event.data).reason === "expired") return; // all that is left follows
        loadAnew();
    }

    function loadAnew() {
        say("");
        clear();
        find("log").setAttribute("aria-live", "off");
        position = "";
        heldAt = Date.now();
        connect();
    }

    async function lost() {
        missed = null;
        say("The connection was lost. Reconnecting …");
        if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
        const answer = await loadHere();
        if (answer?.status === 403) return endSession();
        clearTimeout(retryTimer);
        retryTimer = setTimeout(connect, 2000 + 3000 * Math.random());
    }

    function endSession() {
        source?.close();
        say("Your session has ended. Return to the lobby to come in again; what you have written is kept.");
        signIn.hidden = false;
    }

    // A connection that a sleeping machine has lost looks open for minutes: it is made anew. (In a tab that nobody looks
    // at, browsers give a timer its turn once a minute only.)
    let lastTick = Date.now();
    setInterval(() => {
        const slept = Date.now() - lastTick > 90000;
        lastTick = Date.now();
        if (slept && source && source.readyState !== EventSource.CLOSED) connect();
        else if (source?.readyState === EventSource.OPEN) heldAt = lastTick;
    }, 5000);
    addEventListener("online", () => { if (source) connect(); });
    addEventListener("offline", () => say("There is no network. Reconnecting when it is back …"));
    addEventListener("pageshow", (event) => { if (event.persisted) connect(); });

    // --- Writing --------------------------------------------------------------------------------------------------

    const draft = "notify-draft";
    // What is on its way, or has failed: its text, the name of this one sending, under which a second try makes no second
    // message, and what was written meanwhile.
    let attempt = null;

    function become(name, text = "") {
        form.dataset.state = name;
        state.textContent = text;
        again.hidden = name !== "error";
        form.noValidate = name === "sending"; // the area is empty then
        area.setAttribute("aria-invalid", String(name === "error"));
        signIn.hidden = signIn.hidden || name !== "error";
    }

    const joined = (next) => next ? `${attempt.text}\n${next}` : attempt.text;

    /** Keeps what is not sent: the page may be loaded anew, or go by the lobby. */
    function keep() {
        const isSending = form.dataset.state === "sending";
        if (isSending) attempt.next = area.value;
        const text = isSending ? joined(attempt.next) : area.value;
        try {
            if (text) sessionStorage.setItem(draft, JSON.stringify({ by: me, text, attempt }));
            else sessionStorage.removeItem(draft);
        } catch { /* There is no room: what is written lasts as long as the page. */ }
    }

    function restore() {
        let kept = null;
        try { kept = JSON.parse(sessionStorage.getItem(draft)); } catch { /* no draft of this page */ }
        if (kept?.by !== me) return sessionStorage.removeItem(draft);
        setText(kept.text);
        attempt = kept.attempt;
        become("composing", "Composing");
    }

    async function send() {
        if (form.dataset.state === "sending" || !area.value.trim()) return;
        attempt ??= { text: area.value, name: Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join(""), next: "" };
        setText(attempt.next);
        become("sending", "Sending …");
        keep();
        const body = new FormData();
        body.set("content", attempt.text);
        body.set("sending", attempt.name);
        try {
            const answer = await fetch("/create-message/", { method: "POST", headers: { "X-CSRFToken": token }, body });
            if (!answer.ok) throw Object.assign(new Error(await reason(answer)), { status: answer.status });
            attempt = null;
            become("sent", "Sent");
            scrollToNewest();
        } catch (error) {
            await failed(error);
        }
        keep();
        area.focus();
    }

    async function failed(error) {
        const isOther = error.status === 403 && await learnWhoIsHere();
        setText(joined(area.value));
        attempt.next = area.value.slice(attempt.text.length + 1);
        if (isOther) return become("error", `Not sent. You are ${me} now: try again under this name.`);
        become("error", `Not sent. ${error.status ? error.message : "The server cannot be reached."}`);
        if (error.status === 403) endSession();
        again.hidden = error.status >= 400 && error.status < 500; // would fail again
    }

    async function reason(answer) {
        if (answer.status === 403) return "Your session has ended.";
        const problem = await answer.json().catch(() => ({}));
        return problem.detail ?? `The server answered ${answer.status}.`;
    }

    /** With `dir="auto"` Chromium takes half a minute for the layout of a hundred thousand lines, and without it two seconds. */
    function direct(text) {
        const first = text.length > 20000 && text.match(/\p{L}/u)?.[0];
        area.dir = !first ? "auto" : /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}]/u.test(first) ? "rtl" : "ltr";
    }

    function setText(text) {
        direct(text);
        area.value = text;
        fit();
    }

    /** For browsers that do not size a text area by its content. */
    function fit() {
        if (CSS.supports("field-sizing", "content")) return;
        area.style.height = "auto";
        area.style.height = `${area.scrollHeight + 2}px`;
    }

    form.addEventListener("submit", (event) => { event.preventDefault(); send(); });
    again.addEventListener("click", send);
    area.addEventListener("input", () => {
        if (form.dataset.state !== "sending") {
            attempt = null;
            become(area.value ? "composing" : "empty", area.value ? "Composing" : "");
        }
        keep();
        direct(area.value);
        fit();
    });
    area.addEventListener("beforeinput", (event) => direct(area.value + (event.data ?? "")));
    area.addEventListener("keydown", (event) => {
        const sends = event.key === "Enter" && !event.shiftKey && !event.isComposing;
        if (!sends || matchMedia("(pointer: coarse)").matches) return;
        event.preventDefault();
        send();
    });

    restore();
    if (!matchMedia("(pointer: coarse)").matches) area.focus();
    if (typeof EventSource === "undefined") {
        find("no-eventsource").hidden = false;
    } else {
        connect();
    }
})();
