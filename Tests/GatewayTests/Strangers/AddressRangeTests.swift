import NIOHTTP1
import Testing

@testable import Gateway

struct AddressRangeTests {
    @Test(
        arguments: [
            ("10.0.0.0/8", "10.1.2.3", true), ("10.0.0.0/8", "11.0.0.0", false), ("10.0.0.5", "10.0.0.5", true),
            ("10.0.0.5", "10.0.0.6", false), ("192.168.4.0/22", "192.168.7.255", true),
            ("192.168.4.0/22", "192.168.8.0", false), ("0.0.0.0/0", "1.2.3.4", true), ("0.0.0.0/0", "::1", false),
            ("fd00::/8", "fdff::1", true), ("fd00::/8", "fe00::1", false), ("::1", "::1", true),
            ("127.0.0.0/8", "::ffff:127.0.0.1", true), ("10.0.0.4/31", "10.0.0.5", true),
            ("10.0.0.4/31", "10.0.0.6", false),
        ]
    )
    func `a range contains addresses`(range: String, address: String, expected: Bool) throws {
        let (range, address) = (try #require(AddressRange(range)), try #require(AddressBytes(text: address)))
        #expect(range.contains(address) == expected)
    }

    @Test(
        arguments: [
            "", "x", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.1/8", "10.0.0.0/8/8", "::/129", "fd01::/8",
            "1.2.3",
            "10.0.0.0/+8", "localhost",
        ]
    )
    func `what is no range`(text: String) {
        #expect(AddressRange(text) == nil)
    }

    private static func client(
        _ fields: [(String, String)],
        peer: String? = "10.0.0.1",
        proxies: [String] = ["10.0.0.0/8"]
    ) -> String? {
        TrustedProxies(proxies).client(HTTPHeaders(fields), peer: peer.flatMap { AddressBytes(text: $0) })?.description
    }

    @Test(
        arguments: [
            ("203.0.113.7", "203.0.113.7"), ("6.6.6.6, 203.0.113.7", "203.0.113.7"),
            ("6.6.6.6, 203.0.113.7, 10.0.0.9", "203.0.113.7"), ("10.0.0.8, 10.0.0.9", "10.0.0.8"),
            ("203.0.113.7:4711", "203.0.113.7"), ("[2001:db8::1]:4711", "2001:db8::1"), ("2001:db8::1", "2001:db8::1"),
            ("6.6.6.6, unknown", "10.0.0.1"), ("6.6.6.6, unknown, 10.0.0.9", "10.0.0.9"), ("", "10.0.0.1"),
        ]
    )
    func `a client is the nearest that no proxy is`(field: String, expected: String) {
        #expect(Self.client([("X-Forwarded-For", field)]) == expected)
    }

    @Test(
        arguments: [
            ("for=203.0.113.7", "203.0.113.7"), ("For=\"[2001:db8::1]:80\";proto=https", "2001:db8::1"),
            ("for=6.6.6.6, for=203.0.113.7;by=10.0.0.2", "203.0.113.7"), ("for=_hidden", "10.0.0.1"),
            ("proto=https", "10.0.0.1"),
        ]
    )
    func `Forwarded is read as X-Forwarded-For is`(field: String, expected: String) {
        #expect(Self.client([("Forwarded", field), ("X-Forwarded-For", "6.6.6.6")]) == expected)
    }

    @Test func `whoever is not trusted speaks for itself only`() {
        #expect(Self.client([("X-Forwarded-For", "203.0.113.7")], peer: "192.0.2.1") == "192.0.2.1")
        #expect(Self.client([("X-Forwarded-For", "203.0.113.7")], proxies: []) == "10.0.0.1")
        #expect(Self.client([("X-Forwarded-For", "203.0.113.7")], peer: nil) == nil)
        #expect(Self.client([("X-Forwarded-For", "203.0.113.7")], peer: nil, proxies: ["unix"]) == "203.0.113.7")
        let proto = HTTPHeaders([("x-forwarded-proto", "https, http")])
        let proxies = TrustedProxies(["10.0.0.1"])
        #expect(proxies.isSecure(proto, peer: AddressBytes(text: "10.0.0.1")) == true)
        #expect(proxies.isSecure(proto, peer: AddressBytes(text: "10.0.0.2")) == nil)
        #expect(
            proxies.isSecure(HTTPHeaders([("x-forwarded-proto", "http")]), peer: AddressBytes(text: "10.0.0.1"))
                == false
        )
        #expect(proxies.isSecure(HTTPHeaders(), peer: AddressBytes(text: "10.0.0.1")) == nil)
    }

    @Test func `limits count a network of IPv6 as one`() {
        let (one, two, other) = ("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1")
        func key(_ text: String) -> AddressBytes? { AddressBytes(text: text)?.forLimits }
        #expect(key(one) == key(two))
        #expect(key(one) != key(other))
        #expect(key("10.0.0.1") != key("10.0.0.2"))
    }
}
