import Foundation
import Logging
import Testing

@testable import notify_cli

/// What a service manager hands over, and what it is told.
struct SystemdTests {
    private static let logger = Logger(label: "notify") { _ in SwiftLogNoOpLogHandler() }

    /// A datagram socket that waits a second at most, bound to an address that begins with NUL or `/`.
    private static func receiver(_ name: [UInt8]) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let size = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        let isBound = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) == 0 }
        }
        try #require(isBound)
        var limit = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        return descriptor
    }

    private static func receive(_ descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    @Test(arguments: ["@", FileManager.default.temporaryDirectory.path + "/"])
    func `each step is one datagram`(prefix: String) throws {
        let path = prefix + "notify-\(UUID().uuidString)"
        let name = path.utf8.first == UInt8(ascii: "@") ? [0] + Array(path.utf8.dropFirst()) : Array(path.utf8)
        let descriptor = try Self.receiver(name)
        defer {
            close(descriptor)
            unlink(path)
        }
        let notifier = try #require(ServiceNotifier(environment: ["NOTIFY_SOCKET": path], logger: Self.logger))
        notifier.tell(.ready(status: "Serves\non port 1"))
        #expect(Self.receive(descriptor) == "READY=1\nSTATUS=Serves on port 1")
        notifier.tell(.reloading)
        #expect(try Self.receive(descriptor).wholeMatch(of: Regex("RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]+")) != nil)
        notifier.tell(.stopping)
        #expect(Self.receive(descriptor).hasPrefix("STOPPING=1\n"))
    }

    @Test func `nobody who listens is no failure`() throws {
        let notifier = ServiceNotifier(environment: ["NOTIFY_SOCKET": "/no/such/socket"], logger: Self.logger)
        try #require(notifier).tell(.stopping)
    }

    @Test(arguments: ["", "/", "@", "relative", "vsock:2:1234", "/" + String(repeating: "x", count: 200)])
    func `what is no socket's path`(text: String) {
        #expect(ServiceNotifier(environment: ["NOTIFY_SOCKET": text], logger: Self.logger) == nil)
        #expect(ServiceNotifier(environment: [:], logger: Self.logger) == nil)
    }

    @Test(
        arguments: [
            ([:], nil), (["LISTEN_FDS": "1"], nil), (["LISTEN_PID": "42"], nil),
            (["LISTEN_PID": "41", "LISTEN_FDS": "1"], nil), (["LISTEN_PID": "42", "LISTEN_FDS": "2"], 2),
            (["LISTEN_PID": "42", "LISTEN_FDS": "0"], 0),
        ] as [([String: String], Int?)]
    )
    func `sockets are for the process that is named`(environment: [String: String], count: Int?) throws {
        #expect(try SocketActivation.count(environment, 42) == count)
    }

    @Test(arguments: [
        ["LISTEN_PID": "42", "LISTEN_FDS": "-1"], ["LISTEN_PID": "42", "LISTEN_FDS": "one"],
        ["LISTEN_PID": "", "LISTEN_FDS": "1"],
        ["LISTEN_PID": "42", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "http:other"],
    ])
    func `what cannot be used is refused`(environment: [String: String]) {
        #expect(throws: UsageError.self) { try SocketActivation.socket(environment: environment, process: 42) }
    }
}
