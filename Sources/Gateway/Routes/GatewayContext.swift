public import Hummingbird

/// The context of requests that go through the router.
public struct GatewayContext: RequestContext {
    public var coreContext: CoreRequestContextStorage
    /// On whose behalf the request comes.
    var principal = Principal.nobody
    /// Whether a page asks that may use what the browser keeps for this server, or no page at all.
    var isFromTrustedPage = false
    /// What the route may do with groups; the router sets it to what the route needs.
    var access = Principal.nobody.access(for: .nothing)
    /// What is wrong with the rest of the request. It is told once the request is known to be allowed.
    var laterProblem: Problem?
    /// The answer's share of the memory for large answers.
    var held: BudgetShare?

    public init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
    }

    /// - Throws: ``Problem``: what is wrong with the rest of the request.
    func checkRest() throws(Problem) {
        if let laterProblem { throw laterProblem }
    }
}
