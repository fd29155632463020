import Broker
import HTTPTypes
import NIOHTTP1

extension HTTPRequestHead {
    /// The head with its target in origin form (RFC 9112 §3.2.1), and why that is not possible.
    ///
    /// Of an absolute target (§3.2.2), as proxies send it, the authority takes the place of `Host`: whoever looks at
    /// either later sees what the client meant.
    func inOriginForm() -> (head: HTTPRequestHead, problem: Problem?) {
        // As almost all are.
        guard uri.utf8.first != UInt8(ascii: "/"), let colon = uri.utf8.firstIndex(of: UInt8(ascii: ":")),
            uri.utf8[colon...].starts(with: "://".utf8)
        else { return (self, nil) }
        let scheme = uri.utf8[..<colon]
        guard scheme.isEqual(ignoringCase: "http".utf8) || scheme.isEqual(ignoringCase: "https".utf8) else {
            return (
                self,
                Problem(.badRequest, "The address \(uri.quotedForPeople) has another scheme than http and https.")
            )
        }
        // How many there are is checked with every request.
        let hosts = headers["host"]
        guard hosts.count <= 1 else { return (self, nil) }
        let rest = uri[colon...].dropFirst(3)
        let end = rest.utf8.firstIndex { [UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#")].contains($0) }
        let (authority, path) = (rest[..<(end ?? rest.endIndex)], rest[(end ?? rest.endIndex)...])
        guard !authority.utf8.isEmpty, hosts.allSatisfy({ Authority($0.trimmed) != nil }) else {
            return (
                self,
                Problem(.badRequest, "The address \(uri.quotedForPeople) and the Host header must each have a host.")
            )
        }
        var head = self
        if path.utf8.isEmpty, method == .OPTIONS {
            // §3.2.4: without a path, the server as a whole is meant.
            head.uri = "*"
        } else {
            head.uri = path.utf8.first == UInt8(ascii: "/") ? String(path) : "/" + path
        }
        if !hosts.isEmpty || !usesHTTP11 { head.headers.replaceOrAdd(name: "host", value: String(authority)) }
        return (head, nil)
    }
}
