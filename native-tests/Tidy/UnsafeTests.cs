using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Aot.Broker.Tidy.Tests;

public sealed class UnsafeTests
{
    /// <summary>
    /// An unsafe block, an unsafe method with a body, or an unsafe type with such methods says with <c>SAFETY:</c>
    /// who keeps the memory alive and why nobody else writes: in its own comments or, for a method, in those of its
    /// type.
    /// </summary>
    [Fact]
    public void Every_unsafe_piece_says_why_it_is_safe()
    {
        List<string> findings = [];
        foreach ((string path, SyntaxTree tree) in Sources.Trees.Where(pair => Sources.IsIn(pair.Key, "src")))
        {
            foreach (SyntaxNode node in tree.GetRoot().DescendantNodes())
            {
                if (NeedsReason(node) && !HasReason(node))
                {
                    findings.Add($"{Sources.Place(path, node)}: unsafe without a // SAFETY: line");
                }
            }
        }
        Sources.None(findings);
    }

    private static bool NeedsReason(SyntaxNode node) =>
        node switch
        {
            UnsafeStatementSyntax => true,
            BaseMethodDeclarationSyntax method => method.Modifiers.Any(SyntaxKind.UnsafeKeyword) && HasBody(method),
            TypeDeclarationSyntax type => type.Modifiers.Any(SyntaxKind.UnsafeKeyword)
                && type.Members.OfType<BaseMethodDeclarationSyntax>().Any(HasBody),
            _ => false,
        };

    private static bool HasBody(BaseMethodDeclarationSyntax method) =>
        method.Body is not null || method.ExpressionBody is not null;

    private static bool HasReason(SyntaxNode node) =>
        node switch
        {
            // The whole type, its methods included: one reason at the place where it holds is enough.
            TypeDeclarationSyntax type => type.ToFullString().Contains("SAFETY:"),
            BaseMethodDeclarationSyntax method => method.ToFullString().Contains("SAFETY:")
                || (
                    method.Parent is TypeDeclarationSyntax type
                    && type.GetLeadingTrivia().ToFullString().Contains("SAFETY:")
                ),
            _ => node.ToFullString().Contains("SAFETY:"),
        };
}
