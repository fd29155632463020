"""Two real browsers in the chat, and one in its admin.

    chat.py [PATH-OF-NOTIFY-CLI] [PART-OF-A-TEST'S-NAME]       as run.py

Screenshots go to screenshots/, outside git: look at them. Every page is checked for accessibility, light and dark.
"""

import contextlib
import functools
import http.server
import re
import socket
import sqlite3
import sys
import tempfile
import threading
import time
import traceback
import urllib.error
import urllib.request
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, expect, sync_playwright

from run import PATIENCE, ROOT, SCREENSHOTS, QuietHandler, Server, find_binary, find_browser, same

PASSWORD = "a winter's tale"
PHONE = {"viewport": {"width": 360, "height": 700}, "is_mobile": True, "has_touch": True}
HOSTILE_NAME = "<script>document.title='broken'</script>\"' onfocus=\"document.title='broken'\" \u202ednuora\u0301"
HOSTILE_TEXT = "<img src=x onerror=\"document.title='broken'\"> & \"quotes\" 'too' \u202eright to left\u202c </p></li>"


class Wire:
    """A way to the server that can be cut: a browser's own offline mode leaves connections that are open as they are."""

    def __init__(self, port):
        self.port = port
        self.is_cut = False
        self.ends = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                if self.is_cut:
                    near.close()
                    continue
                try:
                    far = socket.create_connection(("127.0.0.1", self.port))
                except OSError:
                    near.close()
                    continue
                self.ends |= {near, far}
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self.carry, args=(source, target), daemon=True).start()

    def carry(self, source, target):
        with contextlib.suppress(OSError):
            while part := source.recv(65536):
                target.sendall(part)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self):
        self.is_cut = True
        for end in self.ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self):
        self.is_cut = False

    def close(self):
        self.cut()
        self.listener.close()
        for end in self.ends:
            end.close()


class Scene:
    """One server with a database of its own, and as many windows as are asked for, each a browser of its own."""

    def __init__(self, browser, binary, folder):
        self.browser = browser
        self.database = Path(folder) / "notify.sqlite"
        self.server = Server(binary, self.database, options=("--admin-password", PASSWORD))
        self.contexts = []
        self.wires = []
        self.complaints = []

    def wire(self):
        self.wires.append(Wire(self.server.port))
        return self.wires[-1]

    def window(self, path="/", **options):
        context = self.browser.new_context(**{"base_url": self.server.url, **options})
        context.set_default_timeout(PATIENCE * 1000)
        self.contexts.append(context)
        page = context.new_page()
        # A blocked script, or a script that fails, is told on the console.
        page.on("console", lambda line: self.complaints.append(line.text) if "Security Policy" in line.text else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(path)
        return page

    def sign_in(self, name, **options):
        page = self.window("/", **options)
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_role("button", name="Enter the chat").click()
        page.wait_for_url("**/")
        opened(page)
        return page

    def admin(self, path="/admin/", **options):
        page = self.window("/admin/", **options)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        page.goto(path)
        return page

    def sql(self, statement):
        with contextlib.closing(sqlite3.connect(self.database, timeout=PATIENCE)) as connection, connection:
            return connection.execute(statement).fetchall()

    def close(self):
        for context in self.contexts:
            context.close()
        for wire in self.wires:
            wire.close()
        self.server.end()


def opened(page):
    """The stream is there: who is here has been told."""
    expect(page.locator("#here-count")).not_to_have_text("…")


def write(page, text):
    page.get_by_label("Message", exact=True).fill(text)
    page.get_by_role("button", name="Send").click()


def send(page, text):
    write(page, text)
    expect(page.locator("#state")).to_have_text("Sent")


def texts(page):
    return page.locator(".message .text").all_inner_texts()


def wait_for_texts(page, expected):
    expect(page.locator(".message .text")).to_have_text(expected)


def take_screenshot(page, file):
    for attempt in range(3):
        try:
            return page.screenshot(path=SCREENSHOTS / file)
        except Error as error:
            # With both cores busy the browser now and then has no frame to take.
            if "Unable to capture screenshot" not in str(error) or attempt == 2:
                raise


def look(page, name):
    """A screenshot, and no serious finding on accessibility."""
    take_screenshot(page, f"chat-{name}.png")
    found = Axe().run(page).response["violations"]
    serious = [(one["id"], [node["target"] for node in one["nodes"]][:3]) for one in found
               if one["impact"] in ("serious", "critical")]
    same(serious, [], f"accessibility of {name}")
    fits(page, name)


def fits(page, name):
    """Nothing is wider than the screen; a page that scrolls by a part of its own is not higher either."""
    # Not innerWidth: on a phone it grows with a page that is too wide.
    screen = page.viewport_size
    wider, higher = page.evaluate(
        "({ width, height }) => [document.documentElement.scrollWidth - width, document.documentElement.scrollHeight - height]",
        screen,
    )
    assert wider <= 0, f"{name} is {wider} wider than the screen"
    if page.locator("body.chat").count():
        assert higher <= 0, f"{name} is {higher} higher than the screen"
    for part in page.locator(".filter, .panel, header, .composer").all():
        outside = part.evaluate("part => part.scrollWidth - part.clientWidth")
        assert outside <= 0, f"{name}: {part.get_attribute('class') or 'a part'} is cut off by {outside}"


AT_NEWEST = """() => {
    const s = document.getElementById("scroll");
    return s.scrollHeight - s.scrollTop - s.clientHeight < 5;
}"""


# --- The chat ---------------------------------------------------------------------------------------------------------


def two_windows_talk(scene):
    ariel = scene.sign_in("  Ariel ")
    puck = scene.sign_in("Puck")
    expect(ariel.get_by_role("heading", name="Welcome Ariel")).to_be_visible()
    write(ariel, "All hail, great master!")
    wait_for_texts(puck, ["All hail, great master!"])
    write(puck, "How now, spirit!\nWhither wander you?")
    wait_for_texts(ariel, ["All hail, great master!", "How now, spirit!\nWhither wander you?"])
    same(ariel.locator(".message.own").count(), 1, "own messages set apart")
    expect(ariel.locator("#here-count")).to_have_text("2")
    ariel.locator("details.here summary").click()
    same(ariel.locator("#here li").all_inner_texts(), ["Ariel (you)", "Puck"], "who is here")
    ariel.keyboard.press("Escape")
    puck.get_by_role("link", name="Return to Lobby").click()
    expect(ariel.locator("#here-count")).to_have_text("1")
    puck.get_by_role("button", name="Sign out").click()
    puck.goto("/")
    same(puck.url, scene.server.url + "/lobby/", "after signing out")


def an_empty_name_gets_one(scene):
    page = scene.sign_in("   ")
    name = page.locator("h1 bdi").inner_text()
    assert name.split()[-1].isdigit() and len(name.split()) == 2, f"a name and a suffix: {name}"


def the_server_restarts_between_two_messages(scene):
    pages = [scene.sign_in("Ariel"), scene.sign_in("Puck")]
    write(pages[0], "before")
    for page in pages:
        wait_for_texts(page, ["before"])
    scene.server.stop()
    for page in pages:
        expect(page.locator("#banner")).to_contain_text("Reconnecting")
    look(pages[1], "reconnecting")
    scene.server.start()
    # By one who came back first, or before the other came back: shown once either way.
    third = scene.sign_in("Titania")
    write(third, "meanwhile")
    for page in pages:
        wait_for_texts(page, ["before", "meanwhile"])
        expect(page.locator("#banner")).to_be_hidden()
    write(pages[1], "after")
    for page in [*pages, third]:
        wait_for_texts(page, ["before", "meanwhile", "after"])
    scene.server.kill()
    expect(pages[0].locator("#banner")).to_contain_text("Reconnecting")
    scene.server.start()
    expect(pages[0].locator("#banner")).to_be_hidden()
    same(texts(pages[0]), ["before", "meanwhile", "after"], "each once")


def what_people_type_is_never_markup(scene):
    hostile = scene.sign_in(HOSTILE_NAME)
    reader = scene.sign_in("Reader")
    lines = "\n".join(f"line {number}" for number in range(1, 10_001))
    write(hostile, HOSTILE_TEXT)
    expect(hostile.locator("#state")).to_have_text("Sent")
    # At once, as a paste does: typing ten thousand lines takes the browser a minute.
    hostile.locator("#content").evaluate(
        "(area, text) => { area.value = text; area.dispatchEvent(new Event('input')); }", lines
    )
    hostile.get_by_role("button", name="Send").click()
    expect(reader.locator(".message")).to_have_count(2)
    same(reader.locator(".message .text").first.text_content(), HOSTILE_TEXT, "the text as it was typed")
    same(reader.locator(".message bdi").first.text_content(), HOSTILE_NAME, "the name as it was typed")
    same(reader.locator(".message img, .message script").count(), 0, "elements out of text")
    look(reader, "hostile")
    reader.get_by_role("button", name="Show all 10,000 lines").click()
    assert reader.locator(".message .text").nth(1).bounding_box()["height"] > 100_000
    same(reader.locator(".message .text").nth(1).text_content(), lines, "ten thousand lines")
    admin = scene.admin("/admin/messages/")
    look(admin, "hostile-admin")
    admin.goto("/admin/authors/")
    same(admin.locator("td bdi").first.text_content(), HOSTILE_NAME, "the name in the admin")
    for page in (hostile, reader, admin):
        assert "broken" not in page.title(), "a script of a user ran"
    same(scene.complaints, [], "nothing blocked, nothing failed")


def a_double_click_sends_once(scene):
    page = scene.sign_in("Ariel")
    page.get_by_label("Message", exact=True).fill("only once")
    page.get_by_role("button", name="Send").dblclick()
    wait_for_texts(page, ["only once"])
    expect(page.locator("#state")).to_have_text("Sent")
    write(page, "next")
    wait_for_texts(page, ["only once", "next"])


def a_failed_message_can_be_tried_again(scene):
    page = scene.sign_in("Ariel")
    page.get_by_label("Message", exact=True).press_sequentially("pre")
    expect(page.locator("#state")).to_have_text("Composing")
    # Stored, but the answer is lost: the second try must not make a second message.
    page.route("**/create-message/", lambda route: (route.fetch(), route.abort()))
    write(page, "precious")
    expect(page.locator("#state")).to_contain_text("Not sent")
    look(page, "error")
    page.unroute("**/create-message/")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#state")).to_have_text("Sent")
    write(page, "next")
    wait_for_texts(page, ["precious", "next"])


def a_failed_message_is_no_second_one_after_a_reload(scene):
    page = scene.sign_in("Ariel")
    page.route("**/create-message/", lambda route: (route.fetch(), route.abort()))
    write(page, "precious")
    expect(page.locator("#state")).to_contain_text("Not sent")
    page.unroute("**/create-message/")
    page.reload()
    expect(page.get_by_label("Message", exact=True)).to_have_value("precious")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#state")).to_have_text("Sent")
    # The same words once more are meant.
    send(page, "precious")
    send(page, "next")
    wait_for_texts(page, ["precious", "precious", "next"])


def what_is_typed_while_a_message_is_on_its_way_is_kept(scene):
    page = scene.sign_in("Ariel")
    area = page.get_by_label("Message", exact=True)
    held = []
    page.route("**/create-message/", lambda route: held.append(route))
    write(page, "first")
    expect(page.locator("#state")).to_have_text("Sending …")
    area.press_sequentially("sec")
    held.pop().abort()
    expect(page.locator("#state")).to_contain_text("Not sent")
    expect(area).to_have_value("first\nsec")
    page.get_by_role("button", name="Try again").click()
    expect(area).to_have_value("sec")
    area.press_sequentially("ond")
    held.pop().continue_()
    expect(page.locator("#state")).to_have_text("Sent")
    page.unroute("**/create-message/")
    page.get_by_role("button", name="Send").click()
    wait_for_texts(page, ["first", "second"])


def the_next_person_in_the_window_sees_no_draft(scene):
    page = scene.sign_in("Ariel")

    def enter(name):
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_role("button", name="Enter the chat").click()
        opened(page)

    page.get_by_label("Message", exact=True).press_sequentially("secret")
    page.get_by_role("link", name="Return to Lobby").click()
    page.get_by_role("button", name="Sign out").click()
    enter("Ariel")
    expect(page.get_by_label("Message", exact=True)).to_have_value("")
    page.get_by_label("Message", exact=True).press_sequentially("secret")
    page.get_by_role("link", name="Return to Lobby").click()
    enter("Puck")
    expect(page.get_by_label("Message", exact=True)).to_have_value("")


def a_name_that_changes_in_another_window_changes_here_too(scene):
    page = scene.sign_in("Ariel")
    page.get_by_label("Message", exact=True).press_sequentially("a draft")
    other = page.context.new_page()
    other.goto("/lobby/")
    other.get_by_label("Name", exact=True).fill("Puck")
    other.get_by_role("button", name="Enter the chat").click()
    opened(other)
    expect(page.get_by_role("heading", name="Welcome Puck")).to_be_visible()
    page.get_by_role("button", name="Send").click()
    expect(other.locator(".message bdi")).to_have_text(["Puck"])
    wait_for_texts(page, ["a draft"])
    same(page.locator(".message.own").count(), 1, "own messages")


def a_long_paste_does_not_stop_the_page(scene):
    page = scene.sign_in("Ariel")
    began = time.monotonic()
    # As a paste does.
    page.get_by_label("Message", exact=True).evaluate(
        """(area, text) => {
            area.dispatchEvent(new InputEvent("beforeinput", { data: text }));
            area.value = text;
            area.dispatchEvent(new InputEvent("input", { data: text }));
        }""",
        "line\n" * 100_000,
    )
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    took = time.monotonic() - began
    assert took < 10, f"the layout of a long text took {took:.1f} s"
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#state")).to_have_text("Sent")
    expect(page.get_by_role("button", name="Show all")).to_be_visible()


def the_session_ends_in_the_middle(scene):
    page = scene.sign_in("Ariel")
    scene.sql("UPDATE chat_sessions SET expires_at = 1")
    write(page, "not lost")
    expect(page.locator("#state")).to_contain_text("Your session has ended")
    look(page, "session-ended")
    page.get_by_role("link", name="To the lobby").click()
    page.get_by_label("Name", exact=True).fill("Ariel")
    page.get_by_role("button", name="Enter the chat").click()
    expect(page.get_by_label("Message", exact=True)).to_have_value("not lost")
    page.get_by_role("button", name="Send").click()
    wait_for_texts(page, ["not lost"])


def the_public_api_cannot_write_into_the_chat(scene):
    page = scene.sign_in("Ariel")
    for method, path in [("POST", "messages"), ("GET", "messages"), ("GET", "events")]:
        request = urllib.request.Request(f"{scene.server.url}/groups/notify.chat/{path}", method=method,
                                         data=b"forged" if method == "POST" else None)
        try:
            status = urllib.request.urlopen(request, timeout=PATIENCE).status
        except urllib.error.HTTPError as error:
            status = error.code
        same(status, 403, f"{method} {path}")
    write(page, "mine")
    wait_for_texts(page, ["mine"])


def a_reader_who_has_scrolled_up_stays(scene):
    ariel, puck = scene.sign_in("Ariel"), scene.sign_in("Puck")
    for number in range(40):
        send(puck, f"line {number}")
    expect(ariel.locator(".message")).to_have_count(40)
    ariel.wait_for_function(AT_NEWEST)
    ariel.locator("#scroll").evaluate("element => { element.scrollTop = 0; }")
    write(puck, "news")
    expect(ariel.get_by_role("button", name="1 new message")).to_be_visible()
    same(ariel.locator("#scroll").evaluate("element => element.scrollTop"), 0, "the place of the reader")
    look(ariel, "scrolled-up")
    ariel.get_by_role("button", name="1 new message").click()
    ariel.wait_for_function(AT_NEWEST)


def a_reader_who_composes_goes_on_following(scene):
    ariel, puck = scene.sign_in("Ariel"), scene.sign_in("Puck")
    for number in range(40):
        send(puck, f"line {number}")
    expect(ariel.locator(".message")).to_have_count(40)
    ariel.get_by_label("Message", exact=True).fill("\n".join("12345678"))
    ariel.wait_for_function(AT_NEWEST)
    send(puck, "news")
    expect(ariel.locator(".message")).to_have_count(41)
    ariel.wait_for_function(AT_NEWEST)
    expect(ariel.locator("#to-newest")).to_be_hidden()
    scene.server.stop()
    expect(ariel.locator("#banner")).to_be_visible()
    ariel.wait_for_function(AT_NEWEST)


def the_keyboard_is_enough(scene):
    page = scene.window("/")
    page.keyboard.type("Viola")  # the field has the focus
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    opened(page)
    page.keyboard.type("first")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("second")
    page.keyboard.press("Enter")
    wait_for_texts(page, ["first\nsecond"])
    names = []
    for _ in range(4):
        page.keyboard.press("Shift+Tab")
        names.append(page.evaluate("document.activeElement.id || document.activeElement.className || document.activeElement.tagName"))
    same(names, ["scroll", "lobby", "SUMMARY", "chat"], "every control, by the keyboard, in order")


def a_browser_without_eventsource_says_so(scene):
    page = scene.sign_in("Ariel")
    page.add_init_script("delete window.EventSource")
    page.reload()
    expect(page.locator("#no-eventsource")).to_be_visible()


def the_network_goes_and_comes_back(scene):
    wire = scene.wire()
    ariel, puck = scene.sign_in("Ariel", base_url=wire.url), scene.sign_in("Puck")
    send(puck, "before")
    wait_for_texts(ariel, ["before"])
    wire.cut()
    expect(ariel.locator("#banner")).to_contain_text("Reconnecting")
    send(puck, "missed 1")
    send(puck, "missed 2")
    wait_for_texts(puck, ["before", "missed 1", "missed 2"])
    same(texts(ariel), ["before"], "what comes through a wire that is cut")
    wire.mend()
    wait_for_texts(ariel, ["before", "missed 1", "missed 2"])
    expect(ariel.locator("#banner")).to_contain_text("2 messages came meanwhile")


def what_was_removed_and_renamed_meanwhile(scene, seconds=0):
    wire = scene.wire()
    ariel, puck, viola = scene.sign_in("Ariel", base_url=wire.url), scene.sign_in("Puck"), scene.sign_in("Viola")
    ariel.evaluate("() => { const now = Date.now; window.ahead = 0; Date.now = () => now() + 1000 * window.ahead; }")
    send(puck, "stays")
    send(puck, "goes")
    send(viola, "goes with Viola")
    wait_for_texts(ariel, ["stays", "goes", "goes with Viola"])
    wire.cut()
    expect(ariel.locator("#banner")).to_contain_text("Reconnecting")
    admin = scene.admin("/admin/messages/?q=goes&author=Puck")
    admin.locator("tbody input").check()
    admin.get_by_role("button", name="Delete chosen").click()
    admin.get_by_role("button", name="Delete", exact=True).click()
    admin.goto("/admin/authors/")
    admin.get_by_role("link", name="Puck").click()
    admin.get_by_label("New name").fill("Robin")
    admin.get_by_role("button", name="Rename").click()
    expect(admin.get_by_text("has a new name")).to_be_visible()
    admin.goto("/admin/authors/")
    admin.get_by_role("link", name="Viola").click()
    admin.get_by_role("button", name="Delete author").click()
    admin.get_by_role("button", name="Delete", exact=True).click()
    expect(admin.get_by_text("The author was deleted")).to_be_visible()
    if seconds:
        scene.server.stop()
        scene.sql("UPDATE messages SET expires_at = 1 WHERE expires_at IS NOT NULL")
        scene.server.start()
        ariel.evaluate("seconds => { window.ahead = seconds; }", seconds)
    same(len(texts(ariel)), 3, "messages behind a wire that is cut")
    wire.mend()
    wait_for_texts(ariel, ["stays"])
    expect(ariel.locator(".message bdi")).to_have_text(["Robin"])


def a_page_that_was_away_learns_what_was_removed_and_renamed(scene):
    what_was_removed_and_renamed_meanwhile(scene)


def a_page_that_was_away_for_days_loads_all_anew(scene):
    what_was_removed_and_renamed_meanwhile(scene, seconds=2 * 86400)


# --- The admin --------------------------------------------------------------------------------------------------------


def the_admin_needs_its_password(scene):
    page = scene.window("/admin/messages/")
    same(page.url, scene.server.url + "/admin/sign-in/", "where a stranger lands")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not the password")
    look(page, "admin-sign-in")


def the_admin_deletes_a_message(scene):
    ariel = scene.sign_in("Ariel")
    for text in ("keep me", "delete me", "keep me too"):
        write(ariel, text)
        expect(ariel.locator("#state")).to_have_text("Sent")
    admin = scene.admin("/admin/messages/?q=delete")
    same(admin.locator("tbody tr").count(), 1, "messages found")
    admin.locator("tbody input").check()
    admin.get_by_role("button", name="Delete chosen").click()
    expect(admin.get_by_text("Delete this message?")).to_be_visible()
    look(admin, "admin-confirm")
    admin.get_by_role("button", name="Delete", exact=True).click()
    expect(admin.get_by_text("1 message was deleted.")).to_be_visible()
    wait_for_texts(ariel, ["keep me", "keep me too"])
    ariel.reload()
    wait_for_texts(ariel, ["keep me", "keep me too"])


def the_admin_renames_and_deletes_an_author(scene):
    ariel, puck = scene.sign_in("Ariel"), scene.sign_in("Puck")
    write(ariel, "by Ariel")
    write(puck, "by Puck")
    expect(ariel.locator(".message")).to_have_count(2)
    admin = scene.admin("/admin/authors/")
    admin.get_by_role("link", name="Puck").click()
    admin.get_by_label("New name").fill("Ariel")
    admin.get_by_role("button", name="Rename").click()
    expect(admin.get_by_role("alert")).to_contain_text("Another author")
    admin.get_by_label("New name").fill("Robin Goodfellow")
    admin.get_by_role("button", name="Rename").click()
    expect(admin.get_by_text("has a new name")).to_be_visible()
    look(admin, "admin-author")
    expect(ariel.locator(".message bdi")).to_have_text(["Ariel", "Robin Goodfellow"])
    ariel.reload()
    expect(ariel.locator(".message bdi")).to_have_text(["Ariel", "Robin Goodfellow"])
    admin.get_by_role("button", name="Delete author").click()
    admin.get_by_role("button", name="Delete", exact=True).click()
    expect(admin.get_by_text("The author was deleted")).to_be_visible()
    wait_for_texts(ariel, ["by Ariel"])


def the_admin_follows_and_publishes(scene):
    admin = scene.admin("/admin/live/?group=my-group")
    expect(admin.locator("#tail-state")).to_contain_text("Following")
    admin.get_by_label("Event").fill("greeting")
    admin.get_by_label("Data").fill('{"hello": "<b>world</b>"}')
    admin.get_by_role("button", name="Publish").click()
    expect(admin.locator("#tail .data")).to_have_text('{"hello": "<b>world</b>"}')
    expect(admin.locator("#published")).to_contain_text("Published as")
    look(admin, "admin-live")
    for text in ("word " * 2000, "line\n" * 200, "x" * 5000):
        scene.server.publish(text)
    expect(admin.locator("#tail .data")).to_have_count(4)
    look(admin, "admin-live-long")
    admin.goto("/admin/messages/")
    admin.locator("#all").check()
    admin.get_by_role("button", name="Delete chosen").click()
    look(admin, "admin-confirm-long")
    admin.goto("/admin/groups/")
    look(admin, "admin-groups")
    admin.get_by_role("button", name="Purge my-group").click()
    admin.get_by_role("button", name="Purge", exact=True).click()
    expect(admin.get_by_text("was purged")).to_be_visible()


def the_overview_shows_the_broker_at_work(scene):
    pages = [scene.sign_in(name) for name in ("Ariel", "Puck")]
    admin = scene.admin()
    for number in range(25):
        write(pages[number % 2], f"message {number}")
        scene.server.publish("text")
        expect(pages[number % 2].locator("#state")).to_have_text("Sent")
    admin.wait_for_function("document.querySelectorAll('.chart .line').length === 6")
    admin.wait_for_function("parseInt(document.querySelector('[data-figure=connections] .figure').textContent) >= 3")
    expect(admin.locator("[data-figure=connections] .highest")).to_have_text(re.compile(r"highest ([3-9]|[1-9]\d+)$"))
    look(admin, "admin-overview")


# --- The tutorial -----------------------------------------------------------------------------------------------------


def the_pages_of_the_tutorial_run(scene):
    """Each as it stands there, but for the server's address, from a web server of their own."""
    tutorial = (ROOT / "docs" / "tutorial.md").read_text()
    pages = dict(re.findall(r"<!-- (page \d) -->\n```html\n(.*?)```", tutorial, re.DOTALL))
    folder = scene.database.parent
    handler = functools.partial(QuietHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        origin = f"http://127.0.0.1:{web.server_port}"
        scene.server.stop()
        scene.server.allow_origin = origin
        scene.server.start()
        for name in ("page 1", "page 2", "page 3"):
            (folder / f"{name}.html").write_text(pages[name].replace("http://127.0.0.1:8080", scene.server.url))
        first = scene.window(f"{origin}/page 1.html")
        first.wait_for_function("source.readyState === EventSource.OPEN")
        scene.server.publish("Hello from curl", event="message", group="tutorial")
        expect(first.locator("li")).to_have_text(["Hello from curl"])
        second = scene.window(f"{origin}/page 2.html")
        second.wait_for_function("source.readyState === EventSource.OPEN")
        second.get_by_label("Message").fill("<b>Hello</b>")
        second.get_by_role("button", name="Send").click()
        for page, texts in ((first, ["Hello from curl", "<b>Hello</b>"]), (second, ["<b>Hello</b>"])):
            expect(page.locator("li")).to_have_text(texts)
        # Step 3 wants another database.
        scene.server.stop()
        scene.server.database = folder / "third.sqlite"
        scene.server.start()
        third = scene.window(f"{origin}/page 3.html")
        expect(third.locator("#state")).to_have_text("Connected")
        third.get_by_label("Name").fill("Ariel")
        for text in ("one", "two"):
            third.get_by_label("Message").fill(text)
            third.get_by_role("button", name="Send").click()
            expect(third.get_by_label("Message")).to_have_value("")
        scene.server.stop()
        expect(third.locator("#state")).to_contain_text("Reconnecting")
        scene.server.start()
        expect(third.locator("#state")).to_have_text("Connected")
        again = scene.window(f"{origin}/page 3.html")
        for page in (third, again):
            expect(page.locator("li")).to_have_text(["Ariel: one", "Ariel: two"])
        web.shutdown()


# --- How it looks -----------------------------------------------------------------------------------------------------


def every_page_in_light_and_dark_wide_and_narrow(scene):
    talk = [
        ("Rosalind", "I pray you, what is't o'clock?"),
        ("Orlando", "You should ask me what time o' day: there's no clock in the forest."),
        ("Rosalind", "Then there is no true lover in the forest; else sighing every minute and groaning every hour would "
                     "detect the lazy foot of Time as well as a clock."),
        ("Orlando", "And why not the swift foot of Time? had not that been as proper?"),
        ("Rosalind", "By no means, sir:\nTime travels in divers paces with divers persons."),
        ("Rosalind", "I'll tell you who Time ambles withal, who Time trots withal, who Time gallops withal and who he stands "
                     "still withal."),
        ("Celia", "🌲🌳"),
    ]
    # Much, long, and by the same author one after the other.
    talk += [("Orlando " * 8, f"And {number}") for number in range(30)] + [("Celia", "word " * 1000), ("Celia", "x" * 500)]
    writers = {name: scene.sign_in(name) for name in dict.fromkeys(name for name, _ in talk)}
    for name, text in talk:
        send(writers[name], text)
    for number in range(30):
        scene.server.publish("long " * number, group=f"group-{number}-" + "n" * 80)
    screens = [
        ("light-wide", {"viewport": {"width": 1180, "height": 760}}),
        ("dark-wide", {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"}),
        ("light-middle", {"viewport": {"width": 768, "height": 1024}}),
        ("light-phone", PHONE),
        ("dark-narrow", {**PHONE, "viewport": {"width": 320, "height": 640}, "color_scheme": "dark"}),
    ]
    for name, options in screens:
        reader = scene.sign_in("Orlando " * 8, **options)
        expect(reader.locator(".message")).to_have_count(len(talk))
        look(reader, f"chat-{name}")
        reader.goto("/lobby/")
        look(reader, f"lobby-{name}")
        admin = scene.admin(**options)
        look(admin, f"admin-{name}")
        for page in ("messages/", "messages/?q=Time&group=notify.chat", "authors/", "author/?id=1", "groups/", "groups/?q=group",
                     "access/", f"live/?group=group-29-{'n' * 80}"):
            admin.goto(f"/admin/{page}")
            look(admin, f"admin-{page.replace('?', '-').split('/')[0]}{'-found' if '?' in page else ''}-{name}")
    same(scene.complaints, [], "nothing blocked, nothing failed")


TESTS = [
    two_windows_talk,
    an_empty_name_gets_one,
    the_server_restarts_between_two_messages,
    what_people_type_is_never_markup,
    a_double_click_sends_once,
    a_failed_message_can_be_tried_again,
    a_failed_message_is_no_second_one_after_a_reload,
    what_is_typed_while_a_message_is_on_its_way_is_kept,
    the_next_person_in_the_window_sees_no_draft,
    a_name_that_changes_in_another_window_changes_here_too,
    a_long_paste_does_not_stop_the_page,
    the_session_ends_in_the_middle,
    the_public_api_cannot_write_into_the_chat,
    a_reader_who_has_scrolled_up_stays,
    a_reader_who_composes_goes_on_following,
    the_keyboard_is_enough,
    a_browser_without_eventsource_says_so,
    the_network_goes_and_comes_back,
    a_page_that_was_away_learns_what_was_removed_and_renamed,
    a_page_that_was_away_for_days_loads_all_anew,
    the_admin_needs_its_password,
    the_admin_deletes_a_message,
    the_admin_renames_and_deletes_an_author,
    the_admin_follows_and_publishes,
    the_overview_shows_the_broker_at_work,
    the_pages_of_the_tutorial_run,
    every_page_in_light_and_dark_wide_and_narrow,
]


def run(test, browser, binary):
    name = test.__name__.replace("_", " ")
    began = time.monotonic()
    failure = None
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(browser, binary, folder)
        try:
            scene.server.start()
            test(scene)
        except AssertionError as error:
            failure = str(error)[:2000]
        except Exception:
            failure = traceback.format_exc()[:4000]
        if failure:
            for number, context in enumerate(scene.contexts):
                with contextlib.suppress(Exception):
                    context.pages[0].screenshot(path=SCREENSHOTS / f"failed-{test.__name__}-{number}.png")
        scene.close()
    print(f"{'FAILED' if failure else 'ok':7} {name} ({time.monotonic() - began:.1f} s)", flush=True)
    if failure:
        print(f"    {failure}\n    complaints: {scene.complaints}")
        print("".join(f"    server: {line}" for line in scene.server.log[-20:]), end="", flush=True)
    return failure is None


def main():
    binary = find_binary()
    part = sys.argv[2] if len(sys.argv) > 2 else ""
    SCREENSHOTS.mkdir(exist_ok=True)
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        # With both cores busy, the pages' first paint may take long: nothing here waits for a fixed time.
        browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        print(f"Chromium {browser.version}, {binary}")
        results = [run(test, browser, binary) for test in TESTS if part in test.__name__]
        browser.close()
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    sys.exit(0 if results and all(results) else 1)


if __name__ == "__main__":
    main()
