import Broker
import NIOSSL
import Testing

@testable import Gateway

/// How WebSockets live and end.
@Suite(.timeLimit(.minutes(1)))
struct SocketLifeTests {
    @Test func `frames that no client may send end the socket, with a code that says why`() async throws {
        try await TestServer.run { server async throws in
            for (bytes, code) in [
                (PeerFrame.text("x").bytes(mask: nil), 1002), (PeerFrame.text("x", reserved: 1).bytes(), 1002),
                (PeerFrame(opcode: 3).bytes(), 1002), (PeerFrame.binary([1]).bytes(), 1003),
                (PeerFrame.text([0xFF]).bytes(), 1007), (PeerFrame.close(999).bytes(), 1002),
                (PeerFrame.more("x").bytes(), 1002),
                ([0x81, 0xFF, 0, 0, 0, 1, 0, 0, 0, 0], 1009),
            ] {
                let socket = try await server.socket("/groups/a/events")
                #expect(try await socket.json().subscribed == "")
                await socket.connection.send(bytes)
                #expect(try await socket.next().closeCode == UInt16(code))
                #expect(try await socket.frame() == nil)
                #expect(try await !socket.connection.wasReset)
            }
            #expect(server.gateway.counters.socketFaults.value == 8)
            try await eventually { server.gateway.counters.streams.value == 0 }
        }
    }

    @Test func `a close is answered with its code, and nothing follows`() async throws {
        try await TestServer.run { server async throws in
            for code in [nil, 1000, 1001, 4321] as [UInt16?] {
                let socket = try await server.socket("/groups/a/events")
                #expect(try await socket.json().subscribed == "")
                await socket.send(.text(#"{"ping":1}"#), .close(code), .text(#"{"ping":2}"#))
                try await server.publish("late", to: "a")
                var frames: [PeerFrame] = []
                while let frame = try await socket.frame() { frames.append(frame) }
                #expect(frames.first?.string == #"{"pong":1}"# || frames.first?.string.contains("late") == true)
                #expect(frames.last?.opcode == 8)
                #expect(frames.last?.closeCode == code)
                #expect(frames.filter { $0.opcode == 8 }.count == 1)
            }
        }
    }

    @Test func `pings are answered, also within a message, and the server pings at each heartbeat`() async throws {
        try await TestServer.run({ $0.heartbeat = .milliseconds(20) }) { server async throws in
            let socket = try await server.socket()
            await socket.send(.text(#"{"pi"#, isLast: false), .ping("now"), .more(#"ng":1}"#, isLast: true))
            #expect(try await socket.next() == .pong("now"))
            #expect(try await socket.text() == #"{"pong":1}"#)
            // None of them is answered, and nothing ends for it.
            var pings = 0
            while pings < 10 { pings += try await socket.frame()?.opcode == 9 ? 1 : 0 }
            #expect(try await socket.ask(#"{"ping":1}"#).error == nil)
        }
    }

    @Test func `a server that stops says so`() async throws {
        try await TestServer.run { server async throws in
            let sockets = [
                try await server.socket(), try await server.socket("/groups/a/events"),
            ]
            #expect(try await sockets[1].json().subscribed == "")
            async let stopping: Void = server.gateway.stop()
            for socket in sockets {
                let close = try await socket.closed()
                #expect(close.closeCode == 1001)
                #expect(close.closeReason.wholeMatch(of: /retry=[0-9]{4}/) != nil, "\(close.closeReason)")
                #expect(try await socket.frame() == nil)
                await socket.connection.close()
            }
            await stopping
            #expect(server.gateway.counters.connections.value == 0)
            #expect(server.gateway.counters.sockets.value == 0)
            #expect(server.log.layer.groups.isEmpty)
        }
    }

    @Test func `over the limit of connections a socket is asked to come back`() async throws {
        try await TestServer.run({ $0.maximumConnections = 1 }) { server async throws in
            let first = try await server.socket()
            #expect(try await first.ask(#"{"ping":1}"#).error == nil)
            for path in ["/socket", "/groups/a/events"] {
                let second = try await server.socket(path)
                let close = try await second.next()
                #expect(close.closeCode == 1013)
                #expect(close.closeReason.wholeMatch(of: /retry=[0-9]{4,5}/) != nil)
                await second.connection.close()
            }
            #expect(server.gateway.counters.refusedConnections.value == 2)
            #expect(server.gateway.counters.rejections[.connections] == 2)
        }
    }

    @Test func `bytes of messages that are not whole are counted, and have a bound`() async throws {
        try await TestServer.run({ $0.maximumBodiesBytes = 1 << 20 }) { server async throws in
            let socket = try await server.socket()
            let frame = PeerFrame.text([UInt8](repeating: 0x20, count: 2 << 20)).bytes()
            await socket.connection.send(Array(frame.prefix(500_000)))
            let metric = "notify_request_body_bytes "
            try await eventually { server.gateway.counters.sockets.value == 1 }
            var held = 0
            while held < 400_000 {
                let text = try await server.get("/metrics").text
                held =
                    text.split(separator: "\n").first { $0.hasPrefix(metric) }.flatMap {
                        Int($0.dropFirst(metric.count))
                    } ?? 0
            }
            await socket.connection.send(Array(frame[500_000..<900_000]))
            let close = try await socket.closed()
            #expect(close.closeCode == 1013)
            await socket.connection.close()
            while held > 0 {
                let text = try await server.get("/metrics").text
                held =
                    text.split(separator: "\n").first { $0.hasPrefix(metric) }.flatMap {
                        Int($0.dropFirst(metric.count))
                    } ?? 0
            }
        }
    }

    @Test func `a message that does not come on ends its socket`() async throws {
        try await TestServer.run({
            $0.heartbeat = .milliseconds(40)
            $0.bodyTimeout = .milliseconds(200)
        }) { server async throws in
            let slow = try await server.socket()
            let idle = try await server.socket()
            await slow.connection.send(Array(PeerFrame.text(#"{"ping":1}"#).bytes().dropLast()))
            #expect(try await slow.closed().closeCode == 1008)
            #expect(try await idle.ask(#"{"ping":1}"#).error == nil)
        }
    }

    @Test func `sockets that break leave nothing behind`() async throws {
        try await TestServer.run { server async throws in
            for round in 0..<40 {
                let socket = try await server.socket("/groups/g\(round % 3)/events")
                if round % 2 == 0 { await socket.send(#"{"subscribe":{"name":"x","groups":["h","i"]}}"#) }
                if round % 4 == 0 { await socket.send(#"{"publish":{"group":"h","data":"x"}}"#) }
                if round % 5 == 0 { _ = try await socket.json() }
                await socket.connection.close()
            }
            try await eventually { server.gateway.counters.connections.value == 0 }
            #expect(server.gateway.counters.sockets.value == 0)
            #expect(server.gateway.counters.streams.value == 0)
            #expect(server.gateway.counters.liveStreams.value == 0)
            #expect(server.log.layer.groups.isEmpty)
        }
    }

    /// The server has said that it goes: over a limit would be another word, and another time to wait.
    @Test func `a handshake while the server stops gets the code of that`() async throws {
        try await TestServer.run { server async throws in
            let open = try await server.socket()
            let late = try await server.connect()
            try await eventually { server.gateway.counters.connections.value == 2 }
            async let stopping: Void = server.gateway.stop()
            #expect(try await open.closed().closeCode == 1001)
            // A new connection has a moment for its first request.
            await late.send(TestServer.bytes("GET", "/groups/a/events", SocketClient.handshake))
            let close = try await SocketClient(late).closed()
            #expect(close.closeCode == 1001)
            #expect(close.closeReason.wholeMatch(of: /retry=[0-9]{4}/) != nil, "\(close.closeReason)")
            await open.connection.close()
            await late.close()
            await stopping
            #expect(server.gateway.counters.refusedConnections.value == 0)
        }
    }

    @Test func `a socket over TLS is a socket, and its end is whole`() async throws {
        try await SecureServer.run { secure async throws in
            var settings = TLSConfiguration.makeClientConfiguration()
            settings.trustRoots = try TestCertificate.trust()
            settings.applicationProtocols = ["http/1.1"]
            let context = try NIOSSLContext(configuration: settings)
            let connection = try await RawConnection.open(port: secure.server.port) {
                try NIOSSLClientHandler(context: context, serverHostname: "localhost")
            }
            let headers = SocketClient.handshake + ["Host: localhost:\(secure.server.port)"]
            await connection.send(TestServer.bytes("GET", "/groups/g/events", headers))
            let socket = try await SocketClient(connection)
            #expect(try await socket.json().subscribed == "")
            // More than a record of TLS holds.
            let text = String(repeating: "x", count: 100_000)
            await socket.send("{\"publish\":{\"group\":\"g\",\"data\":\"\(text)\"},\"ref\":1}")
            let replies = [try await socket.json(), try await socket.json()]
            #expect(replies.contains { $0.data == text } && replies.contains { $0.published == true })
            await socket.send(.close(1000))
            #expect(try await socket.closed().closeCode == 1000)
            #expect(try await socket.frame() == nil)
            await connection.close()
        }
    }

    @Test func `hundreds of sockets are told that the server stops, and none is waited for`() async throws {
        try await TestServer.run({ $0.grace = .seconds(20) }) { server async throws in
            var sockets: [SocketClient] = []
            for number in 0..<200 {
                sockets.append(try await server.socket(number % 2 == 0 ? "/socket" : "/groups/g/events"))
            }
            // Its clients do not close their side.
            let clock = ContinuousClock()
            let time = await clock.measure { await server.gateway.stop() }
            #expect(time < .seconds(10))
            for socket in sockets { #expect(try await socket.closed().closeCode == 1001) }
            #expect(server.gateway.counters.sockets.value == 0)
        }
    }

    /// Nothing would come any more.
    @Test func `a channel layer that closes ends sockets`() async throws {
        try await TestServer.run { server async throws in
            let sockets = [try await server.socket("/groups/g/events"), try await server.socket("/groups/h/events")]
            for socket in sockets { #expect(try await socket.json().subscribed == "") }
            server.log.layer.close()
            for socket in sockets { #expect(try await socket.closed().closeCode == 1001) }
        }
    }

    @Test func `a reader that reads nothing is behind, costs bounded memory, and gets everything later`() async throws {
        try await TestServer.run({ $0.connectionBufferBytes = 16 << 10 }) { server async throws in
            let connection = try await server.connect(receiveBuffer: 4096)
            await connection.send(TestServer.bytes("GET", "/socket", SocketClient.handshake))
            let socket = try await SocketClient(connection)
            for name in ["a", "b"] {
                let answer = try await socket.ask("{\"subscribe\":{\"name\":\"\(name)\",\"groups\":[\"\(name)\"]}}")
                #expect(answer.subscribed == name)
            }
            try await connection.stopReading()
            let text = String(repeating: "x", count: 8000)
            var published: [Message] = []
            while server.gateway.counters.liveStreams.value > 0 || published.count < 1000 {
                published += try await server.publish(text, to: ["a", "b"][published.count % 2])
            }
            // Answers of a socket that does not read have a bound, too: it is not read.
            for number in 0..<2000 { await socket.send("{\"ping\":\(number)}") }
            try await connection.startReading()
            var (seen, pongs) = (["a": [Int64](), "b": []], 0)
            while pongs < 2000 || seen.values.reduce(0, { $0 + $1.count }) < published.count {
                let reply = try await socket.json()
                if let group = reply.group { seen[group]?.append(reply.sequence ?? 0) } else { pongs += 1 }
            }
            for name in ["a", "b"] {
                #expect(seen[name] == StreamServer.expected(published, of: [name], after: 0))
            }
            try await eventually { server.gateway.counters.liveStreams.value == 2 }
        }
    }
}
