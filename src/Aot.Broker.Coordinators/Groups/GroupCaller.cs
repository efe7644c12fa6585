namespace Aot.Broker.Coordinators.Groups;

/// <summary>Who sent a group request, as far as groups care.</summary>
/// <param name="ClientId">The request header's client id, empty when null.</param>
/// <param name="ClientHost">The peer's address in Kafka's form: a slash and the address, without port.</param>
/// <param name="ApiVersion">The version of the request, which decides what an answer may say.</param>
public readonly record struct GroupCaller(string ClientId, string ClientHost, short ApiVersion);
