/// The name of one state of a file (RFC 9110 §8.8.3).
struct EntityTag {
    private let tag: [UInt8]

    /// - Parameter tag: Without quotes.
    init(_ tag: String) {
        self.tag = Array(tag.utf8)
    }

    /// Whether `If-None-Match` names it (RFC 9110 §13.1.2): a list, which may be split over several fields, or `*`. Weak
    /// and strong tags are compared alike: a proxy that compresses makes weak ones of ours.
    func isNamed(in fields: [String]) -> Bool {
        fields.contains { field in
            var rest = Array(field.utf8)[...]
            while let first = rest.first {
                switch first {
                case UInt8(ascii: "*"):
                    return true
                case UInt8(ascii: "\""):
                    // A tag may hold commas.
                    let named = rest.dropFirst().prefix { $0 != UInt8(ascii: "\"") }
                    rest = rest[named.endIndex...]
                    // A tag that is not closed is none.
                    if !rest.isEmpty, named.elementsEqual(tag) { return true }
                    rest = rest.dropFirst()
                default:
                    // Commas, spaces, and the `W/` of a weak one.
                    rest = rest.dropFirst()
                }
            }
            return false
        }
    }
}
