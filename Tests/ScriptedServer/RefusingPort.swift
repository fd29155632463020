import Glibc

/// Runs the test's body with the address of a port on loopback that refuses connections, and that nobody else is given
/// meanwhile: bound, but not listening.
package func withRefusingPort<Result>(_ body: (_ url: String) async throws -> Result) async throws -> Result {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutableBytes(of: &address) { bytes in
        guard let address = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress else { return false }
        return bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &length) == 0
    }
    guard isBound else { throw NoPort() }
    return try await body("http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))")
}

private struct NoPort: Error {}
