/// The last commit, recorded outside of the database: in its lock file, rewritten with every commit.
///
/// Opening a database compares it with what it finds. If the database knows less than was handed out (a write-ahead log
/// that was cut, an older copy put in its place), going on would give ids a second time; see decision 6.
struct CommitRecord: Hashable {
    /// Whose ids were handed out.
    var epoch: Epoch
    /// The highest sequence that was handed out.
    var sequence: Int64
    /// Where the last commit ended in the write-ahead log; nil where the database file alone has everything.
    var position: WriteAheadLogPosition?
    /// Whether commits were not flushed one by one: what was handed out may be gone after a power failure.
    var isUnflushed = false
    /// Whether the database was closed in order.
    var isClosed = false

    /// Bytes that an encoded record has.
    static let size = words * 8
    private static let words = 9
    /// "notify" and the version of this form.
    private static let magic: UInt64 = 0x6E6F_7469_6679_0001

    init(epoch: Epoch, sequence: Int64, isUnflushed: Bool) {
        (self.epoch, self.sequence, self.isUnflushed) = (epoch, sequence, isUnflushed)
    }

    /// Nil for anything but a whole record.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.size else { return nil }
        let words = stride(from: 0, to: Self.size, by: 8).map { start in
            bytes[start..<(start + 8)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        let name = bytes[8..<24].prefix { $0 != 0 }
        guard words[0] == Self.magic, words[8] == Self.checksum(of: words), words[4] <= UInt64(UInt32.max),
            let epoch = Epoch(String(decoding: name, as: UTF8.self))
        else { return nil }
        self.epoch = epoch
        sequence = Int64(bitPattern: words[3])
        if words[4] > 0 {
            position = WriteAheadLogPosition(frames: Int(words[4]), salt: words[5], checksum: words[6])
        }
        isUnflushed = words[7] & 1 != 0
        isClosed = words[7] & 2 != 0
    }

    var bytes: [UInt8] {
        var name = Array(epoch.description.utf8)
        name += Array(repeating: 0, count: 16 - name.count)
        var words = Array(repeating: UInt64(0), count: Self.words)
        words[0] = Self.magic
        for index in 0..<8 {
            words[1] = words[1] << 8 | UInt64(name[index])
            words[2] = words[2] << 8 | UInt64(name[index + 8])
        }
        words[3] = UInt64(bitPattern: sequence)
        words[4] = UInt64(position?.frames ?? 0)
        words[5] = position?.salt ?? 0
        words[6] = position?.checksum ?? 0
        words[7] = (isUnflushed ? 1 : 0) | (isClosed ? 2 : 0)
        words[8] = Self.checksum(of: words)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.size)
        for word in words { withUnsafeBytes(of: word.bigEndian) { bytes.append(contentsOf: $0) } }
        return bytes
    }

    private static func checksum(of words: [UInt64]) -> UInt64 {
        var checksum = Checksum()
        for word in words.dropLast() { checksum.add(Int64(bitPattern: word)) }
        return UInt64(bitPattern: checksum.value)
    }
}

/// Why ids could come twice in a database that is opened, so that it gets a new epoch.
enum EpochDoubt: Hashable {
    /// There is no record: a copy, or a database whose lock file was deleted.
    case noRecord
    /// The record is about another database.
    case otherDatabase
    /// The write-ahead log does not hold what was committed last.
    case damagedLog
    /// The database is older than the last commit.
    case olderDatabase
    /// It ran with `normal` durability, and was not closed.
    case unflushed
    /// There is no database any more.
    case missing

    /// About a database that was just made.
    init?(aboutNewBeside record: CommitRecord?) {
        guard let record, record.sequence > 0 else { return nil }
        self = .missing
    }

    /// - Parameters:
    ///   - record: What was read beside the database.
    ///   - epoch: The epoch that the database has.
    ///   - newest: The highest sequence that it knows.
    ///   - isLogIntact: Whether its write-ahead log reached to the recorded position when it was opened.
    init?(record: CommitRecord?, epoch: Epoch, newest: Int64, isLogIntact: Bool) {
        guard let record else {
            self = .noRecord
            return
        }
        if record.epoch != epoch {
            self = .otherDatabase
        } else if !isLogIntact {
            self = .damagedLog
        } else if newest < record.sequence {
            self = .olderDatabase
        } else if record.isUnflushed, !record.isClosed {
            self = .unflushed
        } else {
            return nil
        }
    }

    /// For the log.
    var sentence: String {
        switch self {
        case .noRecord: "it was copied here, or its lock file is gone"
        case .otherDatabase: "another database was here before"
        case .damagedLog: "its write-ahead log is damaged, and the last messages may be gone"
        case .olderDatabase: "it is older than what was published from it"
        case .missing: "it is empty, and the one that was here, with messages in it, is gone"
        case .unflushed: "it ran with normal durability and was not closed, and the last messages may be gone"
        }
    }
}
