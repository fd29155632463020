import Foundation

/// Reads a file descriptor by lines, as they come.
struct LineReader {
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var start = 0
    private var searched = 0
    private var isAtEnd = false

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// The next line without its line feed; nil at the end. A last line without one counts.
    mutating func next() throws -> [UInt8]? {
        try next(upTo: .max, waits: true)
    }

    /// The lines that are there already: waits for the first one, and takes what is behind it without waiting, so that a
    /// line which has come is never held back for others. Empty at the end.
    ///
    /// - Parameter maximumBytes: Of all lines together; a first line that is longer comes alone.
    mutating func batch(maximumLines: Int, maximumBytes: Int) throws -> [[UInt8]] {
        guard let first = try next() else { return [] }
        var lines = [first]
        var left = maximumBytes - first.count
        while lines.count < maximumLines, left > 0, let line = try next(upTo: left, waits: false) {
            lines.append(line)
            left -= line.count
        }
        return lines
    }

    /// - Parameters:
    ///   - limit: A longer line stays for the next call.
    ///   - waits: Whether to wait for the end of the line.
    private mutating func next(upTo limit: Int, waits: Bool) throws -> [UInt8]? {
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                searched = end
                guard end - start <= limit else { return nil }
                defer {
                    start = end + 1
                    searched = start
                }
                return Array(buffer[start..<end])
            }
            searched = buffer.count
            guard waits || (buffer.count - start <= limit && isReadable) else { return nil }
            guard try fill() else {
                guard start < buffer.count, buffer.count - start <= limit else { return nil }
                defer { start = buffer.count }
                return Array(buffer[start...])
            }
        }
    }

    /// Whether a read returns at once.
    private var isReadable: Bool {
        var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return isAtEnd || poll(&poller, 1, 0) > 0
    }

    /// Everything that is left.
    mutating func rest() throws -> [UInt8] {
        while try fill() {}
        return Array(buffer[start...])
    }

    private mutating func fill() throws -> Bool {
        guard !isAtEnd else { return false }
        buffer.removeFirst(start)
        searched -= start
        start = 0
        guard buffer.count <= StandardInput.maximumMessage else {
            throw UnusableInput(
                description:
                    "Standard input holds more than \(StandardInput.maximumMessage >> 20) MiB for one message: "
                    + "send it in parts, or use --lines for one message a line."
            )
        }
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                buffer.append(contentsOf: chunk.prefix(count))
                return true
            }
            if count == 0 {
                isAtEnd = true
                return false
            }
            switch errno {
            case EINTR:
                continue
            case EAGAIN:
                var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                poll(&poller, 1, -1)
            default:
                let reason = String(cString: strerror(errno))
                throw UnusableInput(description: "Cannot read standard input (\(reason)): check where it comes from.")
            }
        }
    }
}
