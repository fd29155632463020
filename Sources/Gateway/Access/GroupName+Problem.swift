import Broker

extension GroupName {
    /// A name as a request gives it.
    ///
    /// - Throws: ``Problem``: 400, with the rule.
    init(parsing text: String) throws(Problem) {
        do throws(BrokerError) { self = try GroupName(text) } catch { throw Problem(error) }
    }
}
