import NIOCore
import NIOPosix

/// A client on a plain socket: sends a request's head and records what comes.
final class StreamClient: Sendable {
    struct Options: Sendable {
        /// `SO_RCVBUF`, set before connecting.
        var receiveBuffer: Int?
        /// Reads nothing until ``StreamClient/startReading()``.
        var isStalled = false
        var keepsBytes = false
        /// Breaks the connection once it has had so many bytes of the body, and takes no more of them.
        var breaksAfter = Int.max
        var version = "1.1"
        var onMessage: @Sendable (StreamEvent) -> Void = { _ in }
    }

    private let record: StreamRecord
    private let channel: any Channel

    private init(record: StreamRecord, channel: any Channel) {
        (self.record, self.channel) = (record, channel)
    }

    static func connect(
        port: Int,
        path: String,
        lastEventID: String? = nil,
        options: Options = Options()
    ) async throws -> StreamClient {
        let record = StreamRecord(
            keepsBytes: options.keepsBytes,
            maximumBytes: options.breaksAfter,
            onMessage: options.onMessage
        )
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: !options.isStalled)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(record: record))
                }
            }
        if let size = options.receiveBuffer {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: SocketOptionValue(size))
        }
        let channel = try await bootstrap.connect(host: "127.0.0.1", port: port).get()
        var head = "GET \(path) HTTP/\(options.version)\r\nHost: 127.0.0.1:\(port)\r\n"
        for field in StreamTransport.current.fields { head += "\(field)\r\n" }
        if let lastEventID { head += "Last-Event-ID: \(lastEventID)\r\n" }
        try await channel.writeAndFlush(ByteBuffer(string: head + "\r\n")).get()
        return StreamClient(record: record, channel: channel)
    }

    var receipt: StreamReceipt { record.receipt }

    func wait(until isMet: @escaping @Sendable (StreamReceipt) -> Bool) async throws -> StreamReceipt {
        try await record.wait(until: isMet)
    }

    /// Waits for `stream-open`.
    @discardableResult
    func opened() async throws -> StreamEvent {
        let receipt = try await wait { $0.opening != nil }
        return receipt.opening ?? StreamEvent(id: "", event: "", data: "")
    }

    /// Waits for a message with this sequence, and gives all messages up to then.
    @discardableResult
    func messages(through sequence: Int64) async throws -> [StreamEvent] {
        try await wait { ($0.messages.last?.sequence ?? 0) >= sequence }.messages
    }

    /// Waits until the connection is closed.
    func closed() async throws -> StreamReceipt {
        try await wait { $0.isClosed }
    }

    func startReading() async throws {
        try await channel.setOption(.autoRead, value: true).get()
    }

    /// Reads a piece at a time from now on, so that the server's socket is nearly full for long.
    func readSlowly(every pause: TimeAmount) async throws {
        let channel = channel
        try await channel.setOption(.autoRead, value: false).get()
        channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: pause) { task in
            guard channel.isActive else { return task.cancel() }
            channel.read()
        }
    }

    func close() async {
        try? await channel.close().get()
    }

    /// Closes with a reset (RST), as a peer that crashes.
    func abort() async {
        let options = channel as? any SocketOptionProvider
        try? await options?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        try? await channel.close().get()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let record: StreamRecord

        init(record: StreamRecord) {
            self.record = record
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = Array(unwrapInboundIn(data).readableBytesView)
            if record.feed(bytes) { context.close(promise: nil) }
        }

        func channelInactive(context: ChannelHandlerContext) {
            record.close()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
