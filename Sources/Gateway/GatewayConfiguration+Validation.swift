import Broker

extension GatewayConfiguration {
    /// Checks what can be checked without starting.
    ///
    /// - Throws: ``GatewayError`` with the code `invalidConfiguration`, whose message names the option.
    public func validate() throws(GatewayError) {
        try access.validate()
        guard allowsPublicHost || access.hasKeys || !listensOnPort || Self.isLoopback(host) else {
            throw GatewayError(
                .invalidConfiguration,
                "Without keys, anybody who reaches '\(host)' could read and write every group. Listen on 127.0.0.1, name "
                    + "keys with --jwt-key, --jwks-url or --api-keys, or add --insecure to do it all the same."
            )
        }
        for setting in Settings.all {
            if let complaint = setting.complaint(about: self) {
                throw GatewayError(.invalidConfiguration, complaint)
            }
        }
        for host in allowedHosts where !Self.isHost(host) {
            throw GatewayError(
                .invalidConfiguration,
                "--allow-host \(host.quotedForPeople) is no host: give a name or an address without a port, such as "
                    + "notify.example.org. There are no patterns."
            )
        }
        for proxy in trustedProxies where proxy != TrustedProxies.localSocket && AddressRange(proxy) == nil {
            throw GatewayError(
                .invalidConfiguration,
                "--trusted-proxy \(proxy.quotedForPeople) is none: give an address such as 10.0.0.5, a range such as "
                    + "10.0.0.0/8 whose bits beyond the prefix are 0, or unix."
            )
        }
        try validateOrigins()
        try validateSockets()
        _ = try tls?.context()
    }

    private func validateSockets() throws(GatewayError) {
        guard listensOnPort || unixSocket != nil else {
            throw GatewayError(
                .invalidConfiguration,
                "--port none needs a --unix-socket: there is nothing else to listen on."
            )
        }
        guard listensOnPort || tls == nil else {
            throw GatewayError(
                .invalidConfiguration,
                "--tls-certificate is for a port, and there is none (--port none): --unix-socket speaks plain HTTP."
            )
        }
        let length = unixSocket?.utf8.count ?? 1
        guard (1...UnixSocketFile.longestPath).contains(length) else {
            throw GatewayError(
                .invalidConfiguration,
                "--unix-socket must be a path of 1 to \(UnixSocketFile.longestPath) bytes: the system takes no longer one."
            )
        }
    }
}
