import Foundation
import NIOCore
import NIOPosix

/// The file under which a socket of this machine is found. The file of a server that is gone is replaced, that of one that
/// answers is not.
struct UnixSocketFile: Sendable {
    /// The longest path that the system takes (unix(7)).
    static let longestPath = 107
    private static let mode: mode_t = 0o660

    let path: String
    private let identity: Identity

    /// By which a file is known again.
    private struct Identity: Hashable {
        let device: UInt64
        let inode: UInt64
    }

    /// Another server answers on the socket.
    struct InUse: Error {}

    /// The path is that of something else.
    struct NotSocket: Error {}

    /// - Throws: ``InUse``, ``NotSocket``, `IOError`.
    static func bind(_ path: String) throws -> (UnixSocketFile, BoundSocket) {
        let address = try SocketAddress(unixDomainSocketPath: path)
        let socket: BoundSocket
        do {
            socket = try BoundSocket(address, mode: mode)
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            try removeStale(path, address)
            socket = try BoundSocket(address, mode: mode)
        }
        guard let identity = identity(of: path) else {
            close(socket.descriptor)
            throw IOError(errnoCode: ENOENT, reason: "lstat")
        }
        return (UnixSocketFile(path: path, identity: identity), socket)
    }

    private static func removeStale(_ path: String, _ address: SocketAddress) throws {
        guard identity(of: path) != nil else { throw NotSocket() }
        let probe = socket(
            AF_UNIX,
            CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue),
            0
        )
        guard probe >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
        defer { close(probe) }
        // A server whose queue is full answers with EAGAIN, one that is gone refuses.
        let isRefused = address.withSockAddr { connect(probe, $0, socklen_t($1)) != 0 && errno == ECONNREFUSED }
        guard isRefused else { throw InUse() }
        guard unlink(path) == 0 || errno == ENOENT else { throw IOError(errnoCode: errno, reason: "unlink") }
    }

    /// Nil where there is no socket. Links are not followed.
    private static func identity(of path: String) -> Identity? {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        guard let attributes, attributes[.type] as? FileAttributeType == .typeSocket else { return nil }
        func number(_ key: FileAttributeKey) -> UInt64 { (attributes[key] as? NSNumber)?.uint64Value ?? 0 }
        return Identity(device: number(.systemNumber), inode: number(.systemFileNumber))
    }

    /// Takes the file away, unless another server has put its own there.
    func remove() {
        guard Self.identity(of: path) == identity else { return }
        unlink(path)
    }
}
