import NIOHTTP2

/// Tells what a peer broke: the library names the kind of a fault only.
enum HTTP2Fault {
    /// Whether one stream is broken, and not the connection. Of a kind that can be either, it is taken for a stream's: what can
    /// be done with it is bounded by their number.
    static func isInStream(_ error: any Error) -> Bool {
        switch error {
        case is NIOHTTP2Errors.StreamError,
            // Headers (RFC 9113 §8.1.1).
            is NIOHTTP2Errors.InvalidPseudoHeaders, is NIOHTTP2Errors.EmptyPathHeader,
            is NIOHTTP2Errors.ForbiddenHeaderField, is NIOHTTP2Errors.InvalidHTTP2HeaderFieldName,
            is NIOHTTP2Errors.InvalidHTTP2HeaderFieldValue, is NIOHTTP2Errors.InvalidPseudoHeaderValue,
            is NIOHTTP2Errors.PseudoHeaderAfterRegularHeader, is NIOHTTP2Errors.UnknownPseudoHeader,
            is NIOHTTP2Errors.UnsupportedPseudoHeader, is NIOHTTP2Errors.DuplicatePseudoHeader,
            is NIOHTTP2Errors.TrailersWithoutEndStream,
            // The length of a body.
            is NIOHTTP2Errors.ContentLengthViolated, is NIOHTTP2Errors.ContentLengthHeadersMismatch,
            is NIOHTTP2Errors.ContentLengthHeaderMalformedValue, is NIOHTTP2Errors.ContentLengthHeaderNegative,
            // A frame on a stream that has ended.
            is NIOHTTP2Errors.BadStreamStateTransition:
            true
        default:
            false
        }
    }
}
