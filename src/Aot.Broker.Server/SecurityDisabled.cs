namespace Aot.Broker.Server;

/// <summary>What requests about access rules are told by a broker without an authorizer.</summary>
internal static class SecurityDisabled
{
    public const string Message = "No Authorizer is configured.";
}
