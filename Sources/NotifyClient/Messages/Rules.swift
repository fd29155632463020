/// What the server refuses in any case, checked before anything is sent: the error is better, and comes at once.
enum Rules {
    /// 1 to 100 bytes of ASCII letters, digits, `-`, `_` and `.`; not `.` and `..`, which are steps in a path.
    static func check(group: String) throws(NotifyClientError) {
        let admitted = group.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                true
            default:
                false
            }
        }
        guard admitted, (1...100).contains(group.utf8.count), group != ".", group != ".." else {
            throw NotifyClientError(
                .invalidArgument,
                "The group name '\(group.onOneLine(limit: 60))' is not allowed: use 1 to 100 ASCII letters, digits, '-', "
                    + "'_' or '.', and more than one or two dots."
            )
        }
    }

    /// 1 to 128 bytes without CR, LF and NUL, and not one of the server's own.
    /// Roughly: the server says what is wrong with a set.
    static func check(pattern: String) throws(NotifyClientError) {
        let admitted = pattern.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "!"):
                true
            default:
                false
            }
        }
        guard admitted, (1...100).contains(pattern.utf8.count) else {
            throw NotifyClientError(
                .invalidArgument,
                "The pattern '\(pattern.onOneLine(limit: 60))' is none for groups: use 1 to 100 characters of names, '*' for "
                    + "anything, '?' for one character, '[a-z]' for one of a set, such as 'orders.*'."
            )
        }
    }

    static func check(id: String) throws(NotifyClientError) {
        guard id.wholeMatch(of: /[a-z0-9]{1,16}-[0-9]{1,19}/) == nil else { return }
        throw NotifyClientError(
            .invalidArgument,
            "'\(id.onOneLine(limit: 60))' is no message id: ids look like 'k7f2q9-1042' and come from the server."
        )
    }

    static func check(event: String) throws(NotifyClientError) {
        let breaksFraming = event.utf8.contains { $0 == 0 || $0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: "\n") }
        guard (1...128).contains(event.utf8.count), !breaksFraming else {
            throw NotifyClientError(
                .invalidArgument,
                "The event name '\(event.onOneLine(limit: 60))' is not allowed: use 1 to 128 bytes without line ends."
            )
        }
        guard !event.utf8.starts(with: SubscriptionStateMachine.serverEventPrefix.utf8) else {
            throw NotifyClientError(
                .invalidArgument,
                "The event name '\(event.onOneLine(limit: 60))' is not allowed: names that begin with 'stream-' are the "
                    + "server's own."
            )
        }
    }

    /// 1 ms to 100 years.
    static func check(ttl: Duration?) throws(NotifyClientError) {
        guard let ttl, !(.milliseconds(1)...(.seconds(36_500 * 86_400))).contains(ttl) else { return }
        throw NotifyClientError(.invalidArgument, "The ttl \(ttl) is not allowed: use 1 millisecond to 100 years.")
    }

    /// 1 to 255 bytes that a header field carries unchanged (RFC 9110 §5.5): no control characters, no space at an end.
    static func check(idempotencyKey key: String?) throws(NotifyClientError) {
        guard let bytes = key?.utf8 else { return }
        let isCarried = bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F } && bytes.first != 0x20 && bytes.last != 0x20
        guard isCarried, (1...255).contains(bytes.count) else {
            throw NotifyClientError(
                .invalidArgument,
                "The idempotency key is not allowed: use 1 to 255 bytes without control characters, and without a space "
                    + "at either end, such as a random UUID."
            )
        }
    }

    /// Page sizes are 1 to 1000.
    static func check(limit: Int?) throws(NotifyClientError) {
        guard let limit, !(1...1000).contains(limit) else { return }
        throw NotifyClientError(.invalidArgument, "The limit \(limit) is not allowed: use 1 to 1000.")
    }
}
