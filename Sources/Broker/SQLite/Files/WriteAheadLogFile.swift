import Foundation

/// The end of a commit in a write-ahead log.
struct WriteAheadLogPosition: Hashable {
    let frames: Int
    /// Names this run of the log: SQLite draws it anew whenever it begins to write from the top again.
    let salt: UInt64
    /// The checksum over all frames up to here, which SQLite keeps in the last of them.
    let checksum: UInt64
}

/// A reader of SQLite's write-ahead log (https://www.sqlite.org/fileformat2.html#the_write_ahead_log).
final class WriteAheadLogFile: Sendable {
    private static let headerSize = 32
    private static let frameHeaderSize = 24

    private let descriptor: Int32

    /// Nil if there is none.
    init?(ofDatabaseAt path: String) {
        let descriptor = open(path + "-wal", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// The position after so many frames, as their last one tells it: nothing before it is looked at.
    func position(after frames: Int, pageSize: Int) -> WriteAheadLogPosition? {
        let offset = Self.headerSize + (frames - 1) * (Self.frameHeaderSize + pageSize)
        guard frames > 0, let header = read(Self.frameHeaderSize, at: offset) else { return nil }
        return WriteAheadLogPosition(frames: frames, salt: header.word64(at: 8), checksum: header.word64(at: 16))
    }

    /// What a log tells of a commit that ended at a position of it.
    enum Trace {
        /// Everything up to the commit is there.
        case whole
        /// The log began anew since: everything up to the commit is in the database.
        case moved
        /// The log was damaged or cut, or another one is there.
        case lost
    }

    /// Looks for a commit that was recorded.
    ///
    /// Goes over the checksums as SQLite's recovery does: some ten milliseconds for a log of the usual size.
    func trace(of position: WriteAheadLogPosition) -> Trace {
        guard let header = read(Self.headerSize, at: 0) else { return .lost }
        let salt = header.word64(at: 16)
        let pageSize = Int(header.word32(at: 8))
        var sum = RunningChecksum(isBigEndian: header[3] & 1 == 1)
        sum.add(header[..<24])
        guard (512...65_536).contains(pageSize), sum.value == header.word64(at: 24) else { return .lost }
        if Self.isBegunAnew(salt, after: position.salt) { return .moved }
        guard salt == position.salt else { return .lost }
        for frame in 0..<position.frames {
            let offset = Self.headerSize + frame * (Self.frameHeaderSize + pageSize)
            guard let bytes = read(Self.frameHeaderSize + pageSize, at: offset), bytes.word64(at: 8) == salt else {
                return .lost
            }
            sum.add(bytes[..<8])
            sum.add(bytes[Self.frameHeaderSize...])
            guard sum.value == bytes.word64(at: 16) else { return .lost }
        }
        return sum.value == position.checksum ? .whole : .lost
    }

    /// Whether a log with the one salt continues, from its top, the log with the other.
    ///
    /// SQLite begins a log anew only when all of it is in the database and flushed, and counts the first half of the salt up
    /// by one each time. Another process, such as a vacuum, does so often without a commit of ours in between, and every
    /// one of these logs tells the same: what was recorded is in the database, also if the server has ended by then, or
    /// if such a later log was cut itself. A log that somebody deleted is followed by one with random salts, which the
    /// bound keeps apart: it is far more than a vacuum of a hundred gigabytes needs.
    ///
    /// Not seen: a log that was damaged first, and that another process began anew from what was left. That publishes
    /// are missing is told by their ids then (``EpochDoubt/olderDatabase``).
    static func isBegunAnew(_ salt: UInt64, after former: UInt64) -> Bool {
        let distance = UInt32(truncatingIfNeeded: salt >> 32) &- UInt32(truncatingIfNeeded: former >> 32)
        return (1...65_536).contains(distance)
    }

    private func read(_ count: Int, at offset: Int) -> [UInt8]? {
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, read in
            read = max(0, pread(descriptor, buffer.baseAddress, count, off_t(offset)))
        }
        return bytes.count == count ? bytes : nil
    }

    /// SQLite's checksum over pairs of 32-bit words.
    private struct RunningChecksum {
        let isBigEndian: Bool
        private var first: UInt32 = 0
        private var second: UInt32 = 0

        init(isBigEndian: Bool) {
            self.isBigEndian = isBigEndian
        }

        var value: UInt64 { UInt64(first) << 32 | UInt64(second) }

        mutating func add(_ bytes: ArraySlice<UInt8>) {
            bytes.withUnsafeBytes { bytes in
                for offset in stride(from: 0, to: bytes.count - 7, by: 8) {
                    let left = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
                    let right = bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
                    first = first &+ (isBigEndian ? left.bigEndian : left.littleEndian) &+ second
                    second = second &+ (isBigEndian ? right.bigEndian : right.littleEndian) &+ first
                }
            }
        }
    }
}

extension [UInt8] {
    fileprivate func word32(at index: Int) -> UInt32 {
        self[index..<(index + 4)].reduce(0) { $0 << 8 | UInt32($1) }
    }

    fileprivate func word64(at index: Int) -> UInt64 {
        UInt64(word32(at: index)) << 32 | UInt64(word32(at: index + 4))
    }
}
