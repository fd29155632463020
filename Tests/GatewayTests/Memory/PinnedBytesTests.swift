import Testing

@testable import Gateway

/// What waits for sockets, and what one stream may hold of it.
struct PinnedBytesTests {
    @Test func `under the bound anybody may hold anything`() {
        var pinned = PinnedBytes(maximum: 1000)
        #expect(pinned.share == .max)
        pinned.looked(at: 0, bytes: 600, holders: 1)
        pinned.looked(at: 1, bytes: 400, holders: 4)
        #expect(pinned.bytes == 1000)
        #expect(pinned.share == .max)
    }

    @Test func `over the bound it is shared among those who hold something`() {
        var pinned = PinnedBytes(maximum: 1000)
        pinned.looked(at: 0, bytes: 900, holders: 1)
        pinned.looked(at: 31, bytes: 200, holders: 4)
        #expect(pinned.share == 200)
        // The one that held most was closed.
        pinned.looked(at: 0, bytes: 0, holders: 0)
        #expect(pinned.bytes == 200)
        #expect(pinned.share == .max)
    }
}
