namespace Aot.Broker.Base;

/// <summary>
/// Marks a method of the per-request loop. A test reads the marks and looks in the bodies for allocation, async,
/// locks, LINQ, closures and exceptions; cold parts belong in <c>*Slow</c> or <c>Throw*</c> methods.
/// </summary>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Constructor | AttributeTargets.Property)]
public sealed class HotPathAttribute : Attribute;
