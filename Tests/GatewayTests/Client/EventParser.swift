import Foundation

/// An event as a browser would dispatch it.
struct StreamEvent: Hashable, Sendable {
    /// The last event id at the time of the event.
    var id: String
    var event: String
    var data: String

    /// What follows the `-` of the id.
    var sequence: Int64? { id.split(separator: "-").last.flatMap { Int64($0) } }
}

/// A reader of event streams written from WHATWG HTML §9.2.5 and §9.2.6 alone, so that it shares no misreading with what it
/// reads, nor with the client.
struct EventParser: Sendable {
    struct Event: Hashable, Sendable {
        /// The `id` field of this very event; nil without one.
        var id: String?
        var type = "message"
        var data: String
    }

    enum Item: Hashable, Sendable {
        case event(Event)
        case retry(Int)
        case comment(String)
        /// A field that the standard does not know: nothing sends such.
        case unknown(String)
    }

    /// All that has come, in order, for those who take it.
    private var items: [Item] = []
    private let keepsItems: Bool
    private(set) var events: [StreamEvent] = []
    private(set) var comments = 0
    private(set) var retries: [Int] = []
    /// Fields with a name that the standard does not know: the server sends none.
    private(set) var unknownFields: [String] = []
    private(set) var lastEventID = ""

    private var line: [UInt8] = []
    private var followsReturn = false
    private var isFirstLine = true
    private var data: [UInt8] = []
    private var event: [UInt8] = []
    private var id: [UInt8] = []
    private var hasID = false

    init(keepsItems: Bool = false) {
        self.keepsItems = keepsItems
    }

    mutating func feed(_ bytes: some Sequence<UInt8>) {
        Array(bytes).withUnsafeBytes { feed($0) }
    }

    mutating func feed(_ bytes: UnsafeRawBufferPointer) {
        var start = 0
        while start < bytes.count {
            if followsReturn {
                followsReturn = false
                if bytes[start] == 0x0A {
                    start += 1
                    continue
                }
            }
            let end = Self.lineEnd(bytes, start)
            line.append(contentsOf: bytes[start..<(end ?? bytes.count)])
            guard let end else { return }
            followsReturn = bytes[end] == 0x0D
            start = end + 1
            finishLine()
        }
    }

    mutating func takeEvents() -> [StreamEvent] {
        defer { events = [] }
        return events
    }

    mutating func takeItems() -> [Item] {
        defer { items = [] }
        return items
    }

    private static func lineEnd(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> Int? {
        guard let base = bytes.baseAddress, start < bytes.count else { return nil }
        let feed = memchr(base + start, 0x0A, bytes.count - start).map { UnsafeRawPointer($0) - base }
        let back = memchr(base + start, 0x0D, (feed ?? bytes.count) - start).map { UnsafeRawPointer($0) - base }
        return back ?? feed
    }

    private mutating func finishLine() {
        defer { line = [] }
        if isFirstLine, line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        isFirstLine = false
        guard !line.isEmpty else { return dispatch() }
        guard let colon = line.firstIndex(of: 0x3A) else { return field(line[...], []) }
        var value = line[(colon + 1)...]
        if value.first == 0x20 { value.removeFirst() }
        guard colon > 0 else {
            comments += 1
            if keepsItems { items.append(.comment(String(decoding: value, as: UTF8.self))) }
            return
        }
        field(line[..<colon], value)
    }

    private mutating func field(_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) {
        switch String(decoding: name, as: UTF8.self) {
        case "event": event = Array(value)
        case "data":
            data.append(contentsOf: value)
            data.append(0x0A)
        case "id" where value.contains(0): break
        case "id": (id, hasID) = (Array(value), true)
        case "retry":
            guard let time = Int(String(decoding: value, as: UTF8.self)) else { return }
            retries.append(time)
            if keepsItems { items.append(.retry(time)) }
        case let other:
            unknownFields.append(other)
            if keepsItems { items.append(.unknown(other)) }
        }
    }

    private mutating func dispatch() {
        lastEventID = String(decoding: id, as: UTF8.self)
        defer { (data, event, hasID) = ([], [], false) }
        guard !data.isEmpty else { return }
        data.removeLast()
        let name = event.isEmpty ? "message" : String(decoding: event, as: UTF8.self)
        let text = String(decoding: data, as: UTF8.self)
        if keepsItems { items.append(.event(Event(id: hasID ? lastEventID : nil, type: name, data: text))) }
        events.append(StreamEvent(id: lastEventID, event: name, data: text))
    }
}
