import Foundation
import NIOCore
import NIOFoundationCompat

extension Message {
    /// A message whose data is the JSON of a value.
    ///
    /// - Throws: ``BrokerError`` with the code `invalidData` if the value cannot be encoded.
    public init(event: String = Message.defaultEvent, json value: some Encodable) throws(BrokerError) {
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            self.init(event: event, data: ByteBuffer(data: try encoder.encode(value)))
        } catch {
            throw BrokerError(.invalidData, "The value cannot be written as JSON.", underlying: error)
        }
    }

    /// Reads the data as JSON.
    ///
    /// - Throws: ``BrokerError`` with the code `invalidData` if the data is not the JSON of such a value.
    public func json<Value: Decodable>(as type: Value.Type) throws(BrokerError) -> Value {
        do {
            return try JSONDecoder().decode(type, from: data)
        } catch {
            throw BrokerError(.invalidData, "The data is not the JSON of a \(type).", underlying: error)
        }
    }
}
