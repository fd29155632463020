/// The id of a stored message and, equally, a position in the log: `EPOCH-SEQUENCE`, e.g. `k7f2q9-1042`.
///
/// The sequence is the order in which every subscriber sees messages. `EPOCH-0` is the position before the first.
/// Clients treat the whole as opaque.
public struct MessageID: Hashable, Sendable, CustomStringConvertible {
    /// Which database made the sequence. Sequences of different epochs cannot be compared.
    public let epoch: Epoch
    /// Only grows and is never used twice within an epoch. 0 is the position before the first message.
    public let sequence: Int64

    /// The id of a position that is known.
    public init(epoch: Epoch, sequence: Int64) {
        self.epoch = epoch
        self.sequence = sequence
    }

    /// Reads `[a-z0-9]{1,16}-[0-9]{1,19}`; a sequence over `Int64.max` is malformed.
    ///
    /// - Throws: ``BrokerError`` with the code `invalidID`.
    public init(_ text: some StringProtocol) throws(BrokerError) {
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count == 2, (1...19).contains(parts[1].count),
            parts[1].allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let epoch = Epoch(String(decoding: parts[0], as: UTF8.self)),
            let sequence = Int64(String(decoding: parts[1], as: UTF8.self))
        else {
            throw BrokerError(
                .invalidID,
                "\(String(text).quotedForPeople) is no message id: ids look like 'k7f2q9-1042' and come from the server."
            )
        }
        self.init(epoch: epoch, sequence: sequence)
    }

    public var description: String { "\(epoch)-\(sequence)" }
}

/// The random name that a database gets when it is made: 1 to 16 of `a-z` and `0-9`.
public struct Epoch: Hashable, Sendable, CustomStringConvertible {
    public let description: String

    /// Nil for anything but 1 to 16 of `a-z` and `0-9`.
    public init?(_ text: some StringProtocol) {
        let admitted = text.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        guard admitted, (1...16).contains(text.utf8.count) else { return nil }
        description = String(text)
    }

    /// A new epoch from the system's secure random source: 8 characters, so that 10 000 databases clash with a
    /// probability of about 1 to 56 000.
    public static func random() -> Epoch {
        var source = SystemRandomNumberGenerator()
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz0123456789")
        return Epoch(
            unchecked: String((0..<8).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &source)] })
        )
    }

    private init(unchecked text: String) {
        description = text
    }
}
