import Broker
import NIOCore
import NIOPosix

extension GatewayError {
    /// Why a socket could not be bound, and what to do.
    init(
        cannotListen error: any Error,
        host: String,
        port: Int,
        _ hostOption: String = "--host",
        _ portOption: String = "--port"
    ) {
        let quoted = host.quotedForPeople
        switch (error as? IOError)?.errnoCode {
        case EADDRINUSE:
            self.init(
                .addressInUse,
                "Port \(port) on \(host) is in use: stop the other server, or choose another port with \(portOption) "
                    + "(0 takes a free one)."
            )
        case EACCES:
            self.init(
                .cannotListen,
                "Port \(port) needs rights that this process has not: choose another with \(portOption)."
            )
        case EADDRNOTAVAIL:
            self.init(.cannotListen, "\(quoted) is no address of this machine: choose another with \(hostOption).")
        case nil where error is SocketAddressError.UnknownHost:
            self.init(.cannotListen, "There is no host \(quoted): give an address of this machine with \(hostOption).")
        default:
            self.init(.cannotListen, "Cannot listen on \(quoted), port \(port).", underlying: error)
        }
    }

    /// Why a socket in the file system could not be bound, and what to do.
    init(cannotListen error: any Error, path: String) {
        let path = path.quotedForPeople
        switch error {
        case is UnixSocketFile.InUse:
            self.init(
                .addressInUse,
                "Another server answers on the socket \(path): stop it, or choose another path with --unix-socket."
            )
        case is UnixSocketFile.NotSocket:
            self.init(
                .cannotListen,
                "\(path) is there already and is no socket: remove it, or choose another path with --unix-socket."
            )
        default:
            switch (error as? IOError)?.errnoCode {
            case EACCES, ENOENT, EROFS, ENOTDIR:
                self.init(
                    .cannotListen,
                    "The socket \(path) cannot be made: its folder must exist and be writable (--unix-socket)."
                )
            default: self.init(.cannotListen, "Cannot listen on the socket \(path).", underlying: error)
            }
        }
    }
}
