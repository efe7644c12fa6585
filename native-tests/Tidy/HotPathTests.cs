using Aot.Broker.Harness;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Operations;

namespace Aot.Broker.Tidy.Tests;

/// <summary>
/// Bodies marked [HotPath] run once per request or record: they may not allocate, wait, or throw. The check reads the
/// compiler's own view of the code, so that a boxed value or a hidden params array counts as well.
/// </summary>
public sealed class HotPathTests
{
    [Fact]
    public void Marked_bodies_neither_allocate_nor_wait_nor_throw()
    {
        List<string> findings = [];
        int bodies = 0;
        foreach (string room in Sources.Rooms)
        {
            (string Path, SyntaxTree Tree)[] trees =
            [
                .. Sources
                    .Trees.Where(pair => Sources.IsIn(pair.Key, $"src/{room}"))
                    .Select(pair => (pair.Key, pair.Value)),
            ];
            if (!trees.Any(pair => pair.Tree.ToString().Contains("[HotPath")))
            {
                continue;
            }
            CSharpCompilation compilation = Compile(room, [.. trees.Select(pair => pair.Tree)]);
            foreach ((string path, SyntaxTree tree) in trees)
            {
                SemanticModel model = compilation.GetSemanticModel(tree);
                foreach (
                    MemberDeclarationSyntax member in tree.GetRoot().DescendantNodes().OfType<MemberDeclarationSyntax>()
                )
                {
                    if (member.AttributeLists.ToString().Contains("HotPath") && member is not BaseTypeDeclarationSyntax)
                    {
                        bodies++;
                        findings.AddRange(Check(path, member, model));
                    }
                }
            }
        }
        Sources.None(findings);
        Assert.True(bodies > 10, $"only {bodies} marked bodies were found: does the search still work?");
    }

    [Theory]
    [InlineData("object M() => new object();", "allocates")]
    [InlineData("object M(int i) => i;", "boxes")]
    [InlineData("int[] M() => [1, 2];", "allocates")]
    [InlineData("void M(object gate) { lock (gate) { } }", "lock")]
    [InlineData("void M() => throw new System.Exception();", "throws")]
    [InlineData("string M(int i) => $\"{i}\";", "string")]
    [InlineData("string M(string a) => a + a;", "string")]
    [InlineData(
        "int M(System.Collections.Generic.IEnumerable<int> x) { foreach (int i in x) { return i; } return 0; }",
        "interface"
    )]
    [InlineData("System.Func<int> M(int i) => () => i;", "closure")]
    [InlineData("int M(int[] x) => System.Linq.Enumerable.Sum(x);", "LINQ")]
    [InlineData("async System.Threading.Tasks.Task M() => await System.Threading.Tasks.Task.Yield();", "await")]
    [InlineData("System.Action M() => M2; static void M2() { }", "delegate")]
    public void Each_thing_that_is_not_allowed_is_found(string member, string what)
    {
        SyntaxTree tree = CSharpSyntaxTree.ParseText(
            $"class HotPathAttribute : System.Attribute; class C {{ [HotPath] {member} }}",
            Sources.ParseOptions
        );
        CSharpCompilation compilation = Compile("probe", [tree]);
        MemberDeclarationSyntax method = tree.GetRoot()
            .DescendantNodes()
            .OfType<MethodDeclarationSyntax>()
            .First(candidate => candidate.Identifier.Text == "M");
        Assert.Contains(Check("probe", method, compilation.GetSemanticModel(tree)), finding => finding.Contains(what));
    }

    [Theory]
    [InlineData("int M(System.ReadOnlySpan<int> x) { int sum = 0; foreach (int i in x) { sum += i; } return sum; }")]
    [InlineData("int M() { System.Span<byte> x = stackalloc byte[4]; return x.Length; }")]
    [InlineData("System.DateTime M() => new System.DateTime(1);")]
    [InlineData("int M() { System.ReadOnlySpan<int> x = [1, 2]; return x[0]; }")]
    [InlineData("int M(System.Collections.Generic.List<int> x) { foreach (int i in x) { return i; } return 0; }")]
    public void What_is_allowed_is_not_found(string member)
    {
        SyntaxTree tree = CSharpSyntaxTree.ParseText($"class C {{ {member} }}", Sources.ParseOptions);
        CSharpCompilation compilation = Compile("probe", [tree]);
        MemberDeclarationSyntax method = tree.GetRoot().DescendantNodes().OfType<MethodDeclarationSyntax>().First();
        Assert.Empty(Check("probe", method, compilation.GetSemanticModel(tree)));
    }

    private static IEnumerable<string> Check(string path, MemberDeclarationSyntax member, SemanticModel model)
    {
        foreach (SyntaxNode body in Bodies(member))
        {
            if (model.GetOperation(body) is not { } root)
            {
                continue;
            }
            // What the compiler cannot resolve here would hide what it does.
            foreach (Diagnostic error in model.GetDiagnostics(body.Span).Where(IsUnresolved))
            {
                yield return $"{path}: {error}";
            }
            foreach (IOperation operation in root.DescendantsAndSelf())
            {
                if (Describe(operation) is { } what)
                {
                    yield return $"{Sources.Place(path, operation.Syntax)}: {what}: {FirstLine(operation.Syntax)}";
                }
            }
        }
        if (member is MethodDeclarationSyntax method && method.Modifiers.Any(SyntaxKind.AsyncKeyword))
        {
            yield return $"{Sources.Place(path, member)}: async";
        }
    }

    private static bool IsUnresolved(Diagnostic diagnostic) =>
        diagnostic.Id is "CS0246" or "CS0103" or "CS0234" or "CS1061";

    private static string FirstLine(SyntaxNode node) => node.ToString().Split('\n')[0];

    private static IEnumerable<SyntaxNode> Bodies(MemberDeclarationSyntax member) =>
        member switch
        {
            BaseMethodDeclarationSyntax method => Present(method.Body, method.ExpressionBody),
            PropertyDeclarationSyntax { ExpressionBody: { } body } => [body],
            BasePropertyDeclarationSyntax { AccessorList: { } accessors } => accessors.Accessors.SelectMany(accessor =>
                Present(accessor.Body, accessor.ExpressionBody)
            ),
            _ => [],
        };

    private static IEnumerable<SyntaxNode> Present(params SyntaxNode?[] nodes) => nodes.OfType<SyntaxNode>();

    private static string? Describe(IOperation operation) =>
        operation switch
        {
            // A constant the compiler folded costs nothing.
            { ConstantValue.HasValue: true } => null,
            IObjectCreationOperation { Type: { IsReferenceType: true } type } when !IsException(type) =>
                $"allocates {type.Name}",
            IArrayCreationOperation array when !BecomesSpan(array) => "allocates an array",
            ICollectionExpressionOperation { Type: { } type } when !IsSpan(type) => $"allocates {type.Name}",
            IAnonymousObjectCreationOperation => "allocates an object",
            IAnonymousFunctionOperation => "closure",
            IDelegateCreationOperation { Target: IMethodReferenceOperation } => "makes a delegate",
            IConversionOperation { Operand.Type.IsValueType: true, Type.IsReferenceType: true } boxing
                when boxing.GetConversion().IsBoxing => $"boxes {boxing.Operand.Type!.Name}",
            IInterpolatedStringOperation => "makes a string",
            IBinaryOperation { Type.SpecialType: SpecialType.System_String } => "makes a string",
            ILockOperation => "lock",
            IAwaitOperation => "await",
            IThrowOperation => "throws",
            IForEachLoopOperation { Collection: var collection }
                when Unconverted(collection).Type?.TypeKind == TypeKind.Interface => "walks an interface",
            IInvocationOperation { TargetMethod: { } method }
                when method.ContainingNamespace?.ToDisplayString() == "System.Linq" => $"LINQ {method.Name}",
            _ => null,
        };

    private static IOperation Unconverted(IOperation operation) =>
        operation is IConversionOperation conversion ? conversion.Operand : operation;

    /// <summary>An exception is reported once, where it is thrown.</summary>
    private static bool IsException(ITypeSymbol type)
    {
        for (ITypeSymbol? at = type; at is not null; at = at.BaseType)
        {
            if (at.Name == "Exception")
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Constant bytes that become a span are data of the binary; so is the array of a params span.</summary>
    private static bool BecomesSpan(IOperation array) =>
        array.Parent is IConversionOperation { Type: { } type } && IsSpan(type);

    private static bool IsSpan(ITypeSymbol type) => type.Name is "ReadOnlySpan" or "Span";

    /// <summary>
    /// The room's own sources against the built assemblies, its own included: that one has what generators made.
    /// </summary>
    private static CSharpCompilation Compile(string room, SyntaxTree[] trees)
    {
        string platform = (string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!;
        SyntaxTree usings = CSharpSyntaxTree.ParseText(
            "global using System; global using System.Collections.Generic; global using System.IO; "
                + "global using System.Linq; global using System.Threading; global using System.Threading.Tasks;",
            Sources.ParseOptions
        );
        return CSharpCompilation.Create(
            room + ".Checked",
            [.. trees, usings],
            [
                .. platform
                    .Split(Path.PathSeparator)
                    .Where(File.Exists)
                    .Select(path => MetadataReference.CreateFromFile(path)),
            ],
            new CSharpCompilationOptions(
                OutputKind.DynamicallyLinkedLibrary,
                allowUnsafe: true,
                metadataImportOptions: MetadataImportOptions.All
            )
        );
    }
}
