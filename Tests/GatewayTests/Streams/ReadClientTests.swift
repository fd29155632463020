import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import Broker
@testable import Gateway

/// Who counts as one client of the store.
struct ReadClientTests {
    private func network(_ address: String) throws -> [UInt8]? {
        ReadClient.network(of: try SocketAddress(ipAddress: address, port: 1234))
    }

    @Test func `one address is one client, whatever the port`() throws {
        #expect(try network("192.0.2.1") == [192, 0, 2, 1])
        #expect(try network("192.0.2.1") != network("192.0.2.2"))
        #expect(try network("::ffff:192.0.2.1") == network("192.0.2.1"))
    }

    @Test func `half an IPv6 address is one client`() throws {
        #expect(try network("2001:db8:1:2::3") == network("2001:db8:1:2:ffff::1"))
        #expect(try network("2001:db8:1:2::3") != network("2001:db8:1:3::3"))
    }

    @Test(arguments: ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
    func `what comes from this machine may be a proxy's`(address: String) throws {
        #expect(try network(address) == nil)
    }

    @Test func `behind a trusted proxy, each of its clients is one`() throws {
        func client(_ forwarded: String?, from address: String, _ trusted: [String]) throws -> ReadClient {
            let peer = EmbeddedChannel()
            defer { _ = try? peer.finish() }
            peer.remoteAddress = try SocketAddress(ipAddress: address, port: 1)
            let headers: HTTPHeaders = forwarded.map { ["x-forwarded-for": $0] } ?? [:]
            return ReadClient(headers, peer, TrustedProxies(trusted))
        }
        let one = try client("198.51.100.1", from: "192.0.2.9", ["192.0.2.9"])
        #expect(try client("198.51.100.1, 192.0.2.9", from: "192.0.2.9", ["192.0.2.9"]) == one)
        #expect(try client("198.51.100.2", from: "192.0.2.9", ["192.0.2.9"]) != one)
        #expect(try ReadClient(#require(AddressBytes(text: "198.51.100.1"))) == one)
        // What a client says of itself counts for nothing.
        let direct = try client(nil, from: "192.0.2.9", [])
        #expect(try client("198.51.100.1", from: "192.0.2.9", []) == direct)
        #expect(try ReadClient(#require(AddressBytes(text: "127.0.0.1"))) == nil)
        #expect(try ReadClient(#require(AddressBytes(text: "::1"))) == nil)
    }
}
