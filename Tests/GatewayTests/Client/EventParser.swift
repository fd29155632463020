/// A parser of event streams, written from WHATWG HTML §9.2.5 and §9.2.6 and from nothing else, so that it does not share
/// a misreading with what it reads.
struct EventParser {
    struct Event: Hashable, Sendable {
        /// The `id` field of this very event; nil without one.
        var id: String?
        var type: String
        var data: String

        init(id: String? = nil, type: String = "message", data: String) {
            (self.id, self.type, self.data) = (id, type, data)
        }
    }

    enum Item: Hashable, Sendable {
        case event(Event)
        case retry(Int)
        case comment(String)
        /// A field that the standard does not know: nothing sends such.
        case unknown(String)
    }

    private var line: [UInt8] = []
    private var lastWasCR = false
    private var data: [UInt8] = []
    private var type = ""
    private var id: String?
    private(set) var lastEventID = ""

    mutating func feed(_ bytes: some Sequence<UInt8>) -> [Item] {
        var items: [Item] = []
        for byte in bytes {
            defer { lastWasCR = byte == 0x0D }
            if byte == 0x0A, lastWasCR { continue }
            if byte == 0x0A || byte == 0x0D {
                if let item = endLine() { items.append(item) }
                line = []
            } else {
                line.append(byte)
            }
        }
        return items
    }

    private mutating func endLine() -> Item? {
        if line.isEmpty { return dispatch() }
        guard let colon = line.firstIndex(of: 0x3A) else { return field(String(decoding: line, as: UTF8.self), []) }
        var value = line[(colon + 1)...]
        if value.first == 0x20 { value = value.dropFirst() }
        if colon == 0 { return .comment(String(decoding: value, as: UTF8.self)) }
        return field(String(decoding: line[..<colon], as: UTF8.self), value)
    }

    private mutating func field(_ name: String, _ value: ArraySlice<UInt8>) -> Item? {
        switch name {
        case "event": type = String(decoding: value, as: UTF8.self)
        case "data": data += value + [0x0A]
        case "id" where !value.contains(0): id = String(decoding: value, as: UTF8.self)
        case "retry": return Int(String(decoding: value, as: UTF8.self)).map { .retry($0) }
        default: return .unknown(name)
        }
        return nil
    }

    private mutating func dispatch() -> Item? {
        defer { (data, type, id) = ([], "", nil) }
        if let id { lastEventID = id }
        guard !data.isEmpty else { return nil }
        return .event(
            Event(id: id, type: type.isEmpty ? "message" : type, data: String(decoding: data.dropLast(), as: UTF8.self))
        )
    }
}
