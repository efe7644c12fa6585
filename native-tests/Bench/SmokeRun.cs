using System.Reflection;
using BenchmarkDotNet.Attributes;

namespace Aot.Broker.Bench.Tests;

/// <summary>
/// One benchmark class at smoke size with one set of parameters: does what the benchmark runner does around a method,
/// without its measuring.
/// </summary>
internal sealed class SmokeRun : IDisposable
{
    private readonly object _instance;
    private readonly Type _type;

    static SmokeRun() => BenchSize.IsSmoke = true;

    public SmokeRun(Type type, IReadOnlyDictionary<string, object?> parameters)
    {
        _type = type;
        _instance = Activator.CreateInstance(type)!;
        foreach ((string name, object? value) in parameters)
        {
            PropertyInfo property = type.GetProperty(name)!;
            property.SetValue(_instance, Convert.ChangeType(value, property.PropertyType));
        }
        Call<GlobalSetupAttribute>(_ => true);
    }

    public object Instance => _instance;

    public static IEnumerable<Type> Types() =>
        typeof(BenchSize)
            .Assembly.GetTypes()
            .Where(type => type.IsPublic && Methods(type).Any())
            .OrderBy(type => type.Name, StringComparer.Ordinal);

    public static IEnumerable<MethodInfo> Methods(Type type) =>
        type.GetMethods().Where(method => method.GetCustomAttribute<BenchmarkAttribute>() is not null);

    /// <summary>Every combination of the values of the class's parameters.</summary>
    public static IEnumerable<Dictionary<string, object?>> Parameters(Type type)
    {
        IEnumerable<Dictionary<string, object?>> all =
        [
            [],
        ];
        foreach (PropertyInfo property in type.GetProperties())
        {
            if (property.GetCustomAttribute<ParamsAttribute>() is { } values)
            {
                all = all.SelectMany(
                    _ => values.Values,
                    (one, value) => new Dictionary<string, object?>(one) { [property.Name] = value }
                );
            }
        }
        return all;
    }

    public static string CategoryOf(MethodInfo method) =>
        method.GetCustomAttribute<BenchmarkCategoryAttribute>()?.Categories[0] ?? "";

    /// <summary>One run: what the method answered, and what it allocated on this thread.</summary>
    public (long Answer, long AllocatedBytes) Run(MethodInfo method)
    {
        Func<long> run = method.CreateDelegate<Func<long>>(_instance);
        Call<IterationSetupAttribute>(setup => IsFor(setup, method));
        long before = GC.GetAllocatedBytesForCurrentThread();
        long answer = run();
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Call<IterationCleanupAttribute>(cleanup => IsFor(cleanup, method));
        return (answer, allocated);
    }

    public void Dispose() => Call<GlobalCleanupAttribute>(_ => true);

    private static bool IsFor(TargetedAttribute attribute, MethodInfo method) =>
        attribute.Targets.Length == 0 || attribute.Targets.Contains(method.Name);

    private void Call<TAttribute>(Func<TAttribute, bool> isWanted)
        where TAttribute : Attribute
    {
        foreach (MethodInfo method in _type.GetMethods())
        {
            if (method.GetCustomAttribute<TAttribute>() is { } attribute && isWanted(attribute))
            {
                method.Invoke(_instance, null);
            }
        }
    }
}
