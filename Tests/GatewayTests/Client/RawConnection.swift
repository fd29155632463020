import NIOCore
import NIOPosix

/// A TCP connection that sends any bytes and reads what comes, with a deadline on every wait.
actor RawConnection {
    struct DeadlinePassed: Error {}

    /// The server ended the connection where more was expected.
    struct Ended: Error {
        let received: String
    }

    private let channel: any Channel
    private let input: NIOLoopBound<Input>
    private var received: ArraySlice<UInt8> = []
    private var hasEnded = false

    /// - Parameter receiveBuffer: What the system may hold of what has not been read, in bytes.
    static func open(port: Int, receiveBuffer: Int? = nil) async throws -> RawConnection {
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
        if let receiveBuffer {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: SocketOptionValue(receiveBuffer))
        }
        let (channel, input) = try await bootstrap.connect(host: "127.0.0.1", port: port, channelInitializer: setUp)
        return RawConnection(channel, input)
    }

    /// Over TLS.
    static func open(
        port: Int,
        security: @escaping @Sendable () throws -> any ChannelHandler
    ) async throws -> RawConnection {
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
        let (channel, input) = try await bootstrap.connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(security())
                let input = Input(eventLoop: channel.eventLoop)
                try channel.pipeline.syncOperations.addHandler(input)
                return (channel as any Channel, NIOLoopBound(input, eventLoop: channel.eventLoop))
            }
        }
        return RawConnection(channel, input)
    }

    static func open(unixSocket path: String) async throws -> RawConnection {
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
        let (channel, input) = try await bootstrap.connect(unixDomainSocketPath: path, channelInitializer: setUp)
        return RawConnection(channel, input)
    }

    @Sendable
    private static func setUp(
        _ channel: any Channel
    ) -> EventLoopFuture<(any Channel, NIOLoopBound<Input>)> {
        channel.eventLoop.makeCompletedFuture {
            let input = Input(eventLoop: channel.eventLoop)
            try channel.pipeline.syncOperations.addHandler(input)
            return (channel, NIOLoopBound(input, eventLoop: channel.eventLoop))
        }
    }

    private init(_ channel: any Channel, _ input: NIOLoopBound<Input>) {
        (self.channel, self.input) = (channel, input)
    }

    // MARK: Sending

    /// Does not wait until the server has taken it.
    func send(_ text: String) {
        send(Array(text.utf8))
    }

    func send(_ bytes: [UInt8]) {
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    /// Sends byte by byte, with a pause between, for as long as the connection takes them.
    func drip(_ text: String, every pause: TimeAmount) {
        let channel = channel
        let bytes = NIOLoopBoundBox.makeBoxSendingValue(Array(text.utf8)[...], eventLoop: channel.eventLoop)
        channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: pause) { task in
            guard channel.isActive, let byte = bytes.value.popFirst() else { return task.cancel() }
            channel.writeAndFlush(ByteBuffer(bytes: [byte]), promise: nil)
        }
    }

    /// `shutdown(SHUT_WR)`: nothing more will be sent, answers are still read.
    func finishSending() async throws {
        try await channel.close(mode: .output).get()
    }

    func close() async {
        try? await channel.close().get()
    }

    // MARK: Receiving

    /// Reads nothing from now on, but for a first piece.
    func stopReading() async throws {
        try await channel.setOption(.autoRead, value: false).get()
        channel.read()
    }

    func startReading() async throws {
        try await channel.setOption(.autoRead, value: true).get()
    }

    /// Reads on, a little at a time.
    func readSlowly(every pause: TimeAmount) {
        let channel = channel
        channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: pause) { task in
            guard channel.isActive else { return task.cancel() }
            channel.read()
        }
    }

    /// Reads the head of a response, without its body.
    func head() async throws -> RawResponse {
        let end = Array("\r\n\r\n".utf8)
        var searched = received.startIndex
        while true {
            while searched + 4 <= received.endIndex {
                if received[searched..<searched + 4].elementsEqual(end) {
                    let head = String(decoding: received[..<searched], as: UTF8.self)
                    received = received[(searched + 4)...]
                    return try RawResponse(head: head)
                }
                searched += 1
            }
            let offset = searched - received.startIndex
            guard try await readMore() else { throw ended }
            searched = received.startIndex + offset
        }
    }

    /// Reads a whole response to a request with this method; an interim one (1xx) counts as one.
    func response(to method: String = "GET") async throws -> RawResponse {
        var response = try await head()
        if method == "HEAD" || response.status < 200 || response.status == 204 { return response }
        if response.isChunked {
            while let chunk = try await chunk() { response.body += chunk }
        } else if let length = response["content-length"].flatMap({ Int($0) }) {
            response.body = try await bytes(length)
        } else {
            response.body = try await end()
        }
        return response
    }

    /// The next chunk of a chunked body (RFC 9112 §7.1); nil after the last.
    func chunk() async throws -> [UInt8]? {
        guard let length = Int(try await line(), radix: 16) else { throw ended }
        let bytes = try await bytes(length)
        guard try await line().isEmpty else { throw ended }
        return length == 0 ? nil : bytes
    }

    /// Some bytes as they came; empty at the end.
    func someBytes() async throws -> [UInt8] {
        if received.isEmpty { _ = try await readMore() }
        defer { received = [] }
        return Array(received)
    }

    /// Waits for the end of the connection and returns what came before.
    func end() async throws -> [UInt8] {
        while try await readMore() {}
        defer { received = [] }
        return Array(received)
    }

    /// Whether the connection ended with a reset, which may have thrown away what was sent before.
    var wasReset: Bool {
        get async throws { try await channel.eventLoop.submit { [input] in input.value.wasReset }.get() }
    }

    private func bytes(_ count: Int) async throws -> [UInt8] {
        while received.count < count {
            guard try await readMore() else { throw ended }
        }
        defer { received = received.dropFirst(count) }
        return Array(received.prefix(count))
    }

    private func line() async throws -> String {
        while true {
            if let end = received.firstIndex(of: 0x0A) {
                defer { received = received[(end + 1)...] }
                return String(decoding: received[..<end].dropLast(), as: UTF8.self)
            }
            guard try await readMore() else { throw ended }
        }
    }

    private var ended: Ended { Ended(received: String(decoding: received, as: UTF8.self)) }

    private func readMore() async throws -> Bool {
        guard !hasEnded else { return false }
        // A stream's heartbeats could keep a test waiting beyond its time limit.
        try Task.checkCancellation()
        guard let bytes = try await channel.eventLoop.flatSubmit({ [input] in input.value.next() }).get() else {
            hasEnded = true
            return false
        }
        received += bytes.readableBytesView
        return true
    }
}

/// What has come and was not asked for yet. Confined to its event loop.
private final class Input: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    static let deadline = TimeAmount.seconds(20)

    private let eventLoop: any EventLoop
    private var buffer = ByteBuffer()
    private var hasEnded = false
    private var waiter: EventLoopPromise<ByteBuffer?>?
    private(set) var wasReset = false

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// The next bytes; nil at the end.
    func next() -> EventLoopFuture<ByteBuffer?> {
        let promise = eventLoop.makePromise(of: ByteBuffer?.self)
        let timer = eventLoop.scheduleTask(in: Self.deadline) { promise.fail(RawConnection.DeadlinePassed()) }
        promise.futureResult.whenComplete { _ in timer.cancel() }
        waiter = promise
        give()
        return promise.futureResult
    }

    private func give() {
        guard let waiter, buffer.readableBytes > 0 || hasEnded else { return }
        self.waiter = nil
        waiter.succeed(buffer.readableBytes > 0 ? buffer : nil)
        buffer = ByteBuffer()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        buffer.writeImmutableBuffer(unwrapInboundIn(data))
        give()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            hasEnded = true
            give()
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        hasEnded = true
        give()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        wasReset = true
        context.close(promise: nil)
    }
}
