import Foundation
import NIOCore
import NIOPosix
import NotifyClient
import Testing

@testable import Gateway

/// A socket in the file system beside the port, or alone.
@Suite(.timeLimit(.minutes(1)))
struct UnixSocketTests {
    private static func withServer(
        _ path: String,
        _ configure: (inout GatewayConfiguration) -> Void = { _ in },
        _ body: (TestServer) async throws -> Void
    ) async throws {
        let change: (inout GatewayConfiguration) -> Void = { configuration in
            configuration.unixSocket = path
            configure(&configuration)
        }
        try await TestServer.run(change, body)
    }

    private static func mode(of path: String) throws -> Int? {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return (attributes[.posixPermissions] as? NSNumber)?.intValue
    }

    @Test func `the client publishes and listens by it`() async throws {
        try await StreamServer.withFolder { folder in
            let path = folder + "/a socket"
            try await Self.withServer(path) { server in
                let client = try NotifyClient(url: "unix:" + path)
                let published = try await client.publish(group: "g", data: "hello")
                #expect(published.id == server.id(1))
                for try await message in try client.subscribe(groups: ["g"], since: .all) {
                    #expect(message.data == "hello")
                    break
                }
                try await client.shutdown()
            }
        }
    }

    @Test func `requests and streams as on the port`() async throws {
        try await StreamServer.withFolder { folder in
            let path = folder + "/socket"
            try await Self.withServer(path) { server in
                #expect(try Self.mode(of: path) == 0o660)
                let connection = try await RawConnection.open(unixSocket: path)
                await connection.send(TestServer.text("GET", "/groups/test-group/events"))
                let stream = try await EventReader(connection)
                #expect(try await stream.event()?.type == "stream-open")
                try await server.publish("over the socket")
                #expect(try await stream.event()?.data == "over the socket")
                #expect(try await server.get("/healthz").status == 200)
                await connection.close()
            }
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test func `a socket alone`() async throws {
        try await StreamServer.withFolder { folder in
            let path = folder + "/socket"
            try await Self.withServer(path, { ($0.listensOnPort, $0.host) = (false, "0.0.0.0") }) { server in
                #expect(server.port == 0)
                let connection = try await RawConnection.open(unixSocket: path)
                await connection.send(TestServer.text("GET", "/healthz"))
                #expect(try await connection.response().status == 200)
                await connection.close()
            }
        }
    }

    @Test func `the file of a server that is gone is replaced`() async throws {
        try await StreamServer.withFolder { folder in
            let path = folder + "/socket"
            let socket = try BoundSocket(SocketAddress(unixDomainSocketPath: path))
            close(socket.descriptor)
            try await Self.withServer(path) { server in
                let connection = try await RawConnection.open(unixSocket: path)
                await connection.send(TestServer.text("GET", "/healthz"))
                #expect(try await connection.response().status == 200)
                await connection.close()
            }
        }
    }

    @Test func `a server that answers is not pushed away, and keeps its file`() async throws {
        try await StreamServer.withFolder { folder in
            let path = folder + "/socket"
            try await Self.withServer(path) { server in
                var configuration = GatewayConfiguration()
                configuration.port = 0
                configuration.unixSocket = path
                let error = #expect(throws: GatewayError.self) { try ListeningSocket(configuration) }
                #expect(error?.code == .addressInUse)
                let connection = try await RawConnection.open(unixSocket: path)
                await connection.close()
                #expect(try await server.get("/healthz").status == 200)
            }
        }
    }

    @Test func `another file is left alone`() async throws {
        try await StreamServer.withFolder { folder in
            let path = folder + "/file"
            try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
            var configuration = GatewayConfiguration()
            configuration.port = 0
            configuration.unixSocket = path
            let error = #expect(throws: GatewayError.self) { try ListeningSocket(configuration) }
            #expect(error?.message.contains("is no socket") == true)
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine")
        }
    }

    @Test func `sockets that nobody takes leave no file`() async throws {
        try await StreamServer.withFolder { folder in
            var configuration = GatewayConfiguration()
            configuration.listensOnPort = false
            configuration.unixSocket = folder + "/socket"
            let port = try ListeningSocket(configuration).port
            #expect(port == 0)
            #expect(!FileManager.default.fileExists(atPath: folder + "/socket"))
        }
    }

    @Test func `what makes no sense is refused`() {
        func message(_ change: (inout GatewayConfiguration) -> Void) -> String {
            var configuration = GatewayConfiguration()
            change(&configuration)
            do throws(GatewayError) { try configuration.validate() } catch { return error.message }
            return ""
        }
        #expect(message { $0.listensOnPort = false }.contains("needs a --unix-socket"))
        #expect(message { $0.unixSocket = String(repeating: "x", count: 108) }.contains("107 bytes"))
        #expect(message { $0.unixSocket = "" }.contains("107 bytes"))
        let secured = message { configuration in
            (configuration.listensOnPort, configuration.unixSocket) = (false, "x")
            configuration.tls = TLSFiles(certificate: "a", key: "b")
        }
        #expect(secured.contains("plain HTTP"))
    }
}
