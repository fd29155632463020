import GRDB

extension Row {
    /// A column's value. GRDB's own subscripts end the process where it is of another type, which on a damaged disk it
    /// can be.
    ///
    /// - Throws: `DatabaseError` with the code `SQLITE_CORRUPT`.
    func value<Value: DatabaseValueConvertible>(_ index: Int, as type: Value.Type = Value.self) throws -> Value {
        guard let value = Value.fromDatabaseValue(self[index]) else {
            throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "a column holds a value of another type")
        }
        return value
    }

    /// As ``value(_:as:)``, nil for NULL.
    func optional<Value: DatabaseValueConvertible>(_ index: Int, as type: Value.Type = Value.self) throws -> Value? {
        let stored: DatabaseValue = self[index]
        return stored.isNull ? nil : try value(index)
    }
}
