public import Hummingbird

/// The context of requests that go through the router.
public struct GatewayContext: RequestContext {
    public var coreContext: CoreRequestContextStorage
    /// What the answer takes of the memory of large answers.
    var held: BudgetShare?

    public init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
    }
}
