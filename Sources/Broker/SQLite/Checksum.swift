import NIOCore

/// A checksum over what was added, in order: tells damage, not forgery.
///
/// 64 bits, eight bytes at a time, each folded in by a 64 by 64 bit multiplication (the construction of wyhash and its
/// relatives): 100 bytes take some ten nanoseconds, beside a commit nothing. Values are stored, so the construction must
/// stay as it is.
struct Checksum {
    private var state: UInt64 = 0x9E37_79B9_7F4A_7C15

    var value: Int64 { Int64(bitPattern: state) }

    mutating func add(_ number: Int64) {
        fold(UInt64(bitPattern: number))
    }

    mutating func add(_ text: String) {
        var text = text
        text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
    }

    mutating func add(_ buffer: ByteBuffer) {
        buffer.withUnsafeReadableBytes { add($0) }
    }

    /// The length goes in first, so that bytes cannot move from one part to the next unnoticed.
    private mutating func add(_ bytes: UnsafeRawBufferPointer) {
        fold(UInt64(bytes.count))
        var offset = 0
        while offset + 8 <= bytes.count {
            fold(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
            offset += 8
        }
        guard offset < bytes.count else { return }
        var rest: UInt64 = 0
        for index in offset..<bytes.count { rest = rest << 8 | UInt64(bytes[index]) }
        fold(rest)
    }

    private mutating func fold(_ word: UInt64) {
        let product = (state ^ word).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
        // The sum keeps the state from staying zero once it is.
        state = (product.high ^ product.low) &+ 0xA076_1D64_78BD_642F
    }
}

extension Checksum {
    /// Over all of a message that is served from the store: bytes that changed on the disk are noticed when they are read.
    static func of(
        sequence: Int64,
        group: GroupName,
        event: String,
        data: ByteBuffer,
        createdAt: Timestamp,
        expiresAt: Timestamp?
    ) -> Int64 {
        var checksum = Checksum()
        checksum.add(sequence)
        checksum.add(group.description)
        checksum.add(event)
        checksum.add(data)
        checksum.add(createdAt.milliseconds)
        checksum.add(expiresAt?.milliseconds ?? -1)
        return checksum.value
    }

    /// Over what two publishes with one idempotency key must have in common.
    static func fingerprint(of draft: MessageDraft) -> Int64 {
        var checksum = Checksum()
        checksum.add(draft.event)
        checksum.add(draft.data)
        checksum.add(draft.ttl.map { (Timestamp(milliseconds: 0) + $0).milliseconds } ?? -1)
        return checksum.value
    }
}
