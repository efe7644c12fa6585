using System.Diagnostics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.RegularExpressions;
using Aot.Broker.Base;

namespace Aot.Broker.Linux.Tests;

/// <summary>
/// Writes a C file with one _Static_assert for every struct size, field offset and constant of the Linux room, and
/// lets the C compiler compare them with the system's headers. Structs and constants are found by reflection (a kernel
/// struct's name starts in lower case, a constant's name holds an underscore or only capitals), so none can be
/// forgotten.
/// </summary>
public sealed class HeaderLayout
{
    private const string Includes = """
        #define _GNU_SOURCE
        #include <stddef.h>
        #include <dirent.h>
        #include <errno.h>
        #include <fcntl.h>
        #include <poll.h>
        #include <sched.h>
        #include <signal.h>
        #include <stdio.h>
        #include <time.h>
        #include <unistd.h>
        #include <netinet/in.h>
        #include <netinet/tcp.h>
        #include <sys/epoll.h>
        #include <sys/eventfd.h>
        #include <sys/mman.h>
        #include <sys/prctl.h>
        #include <sys/resource.h>
        #include <sys/socket.h>
        #include <sys/stat.h>
        #include <sys/syscall.h>
        #include <sys/timerfd.h>
        #include <sys/uio.h>
        #include <linux/time_types.h>
        #include <linux/io_uring.h>

        """;

    /// <summary>Fields that older headers call by another name.</summary>
    private static readonly Dictionary<(string Struct, string Field), string> s_olderNames = new()
    {
        [("io_sqring_offsets", "user_addr")] = "resv2",
        [("io_cqring_offsets", "user_addr")] = "resv2",
        [("io_uring_getevents_arg", "min_wait_usec")] = "pad",
        [("io_uring_buf_reg", "flags")] = "pad",
    };

    /// <summary>Newer than the oldest headers that we build with (kernel 6.1); all else must be in any header.</summary>
    private static readonly HashSet<string> s_newerThanHeader =
    [
        "IORING_SETUP_NO_MMAP",
        "IORING_SETUP_REGISTERED_FD_ONLY",
        "IORING_SETUP_NO_SQARRAY",
        "IORING_ENTER_ABS_TIMER",
        "IORING_MSG_RING_FLAGS_PASS",
        "SYS_cachestat",
        "cachestat",
        "cachestat_range",
    ];

    [Fact]
    public void Every_struct_field_and_constant_matches_the_c_headers()
    {
        HashSet<string> known = NamesInHeaders();
        List<string> asserts = [];
        List<string> unknown = [];
        foreach (Type type in KernelStructs())
        {
            AssertStruct(type, known, asserts, unknown);
        }
        foreach ((string name, string value) in Constants())
        {
            if (known.Contains(name))
            {
                asserts.Add($"_Static_assert(({name}) == ({value}), \"{name}\");");
            }
            else
            {
                unknown.Add(name);
            }
        }

        Assert.Empty(unknown.Except(s_newerThanHeader));
        Assert.True(asserts.Count > 500, $"only {asserts.Count} assertions");
        (int exitCode, string output) = Compile(asserts);
        Assert.True(exitCode == 0, output);
    }

    [Theory]
    [InlineData("_Static_assert(sizeof(struct epoll_event) == 16, \"epoll_event\");", "epoll_event")]
    [InlineData("_Static_assert(offsetof(struct io_uring_sqe, user_data) == 40, \"user_data\");", "user_data")]
    public void A_wrong_layout_fails_the_same_compilation(string wrong, string named)
    {
        (int exitCode, string output) = Compile([wrong]);

        Assert.NotEqual(0, exitCode);
        Assert.Contains("static assertion failed", output);
        Assert.Contains(named, output);
    }

    [Fact]
    public void The_start_up_check_names_every_struct_size_that_holds_on_this_machine()
    {
        string? broken = null;
        Invariant.OnFailure = message => throw new InvalidOperationException(broken = message);
        try
        {
            LinuxPlatform.CheckLayouts();
        }
        finally
        {
            Invariant.OnFailure = null;
        }
        Assert.Null(broken);
    }

    private static IEnumerable<Type> KernelStructs() =>
        typeof(Errno)
            .Assembly.GetTypes()
            .Where(t => t is { IsValueType: true, IsEnum: false, IsNested: false })
            .Where(t => char.IsLower(t.Name[0]) || t.Name[0] == '_');

    private static IEnumerable<(string Name, string Value)> Constants()
    {
        foreach (Type type in typeof(Errno).Assembly.GetTypes().Where(t => t.IsEnum && t.IsPublic))
        {
            foreach (string name in Enum.GetNames(type).Where(IsHeaderName))
            {
                object raw = Convert.ChangeType(Enum.Parse(type, name), Enum.GetUnderlyingType(type));
                string suffix = raw is uint or ulong ? "u" : "";
                yield return (name, raw + suffix);
            }
        }
    }

    private static bool IsHeaderName(string name) => name.Contains('_') || name.All(char.IsUpper) || name[0] == 'E';

    private static void AssertStruct(Type type, HashSet<string> known, List<string> asserts, List<string> unknown)
    {
        if (!known.Contains(type.Name))
        {
            unknown.Add(type.Name);
            return;
        }
        string c = type.Name.EndsWith("_t", StringComparison.Ordinal) ? type.Name : $"struct {type.Name}";
        asserts.Add($"_Static_assert(sizeof({c}) == {SizeOf(type)}, \"size of {type.Name}\");");
        foreach (FieldInfo field in type.GetFields(BindingFlags.Instance | BindingFlags.Public))
        {
            if (field.Name.StartsWith("__", StringComparison.Ordinal) && type.Name != "cpu_set_t")
            {
                continue; // Padding, which headers name and split as they like.
            }
            string name = field.Name;
            if (s_olderNames.TryGetValue((type.Name, name), out string? older) && !known.Contains(name))
            {
                name = older;
            }
            else if (older is not null && !HeaderStructHas(type.Name, name))
            {
                name = older;
            }
            asserts.Add(
                $"_Static_assert(offsetof({c}, {name}) == {OffsetOf(type, field)}, \"{type.Name}.{name} offset\");"
            );
            asserts.Add(
                $"_Static_assert(sizeof((({c}*)0)->{name}) == {SizeOf(field.FieldType)}, \"{type.Name}.{name} size\");"
            );
        }
    }

    /// <summary>The place of a field: where a struct of zeros changes when only this field is filled with ones.</summary>
    private static int OffsetOf(Type type, FieldInfo field)
    {
        object whole = RuntimeHelpers.GetUninitializedObject(type);
        object ones;
        if (field.FieldType.IsPointer)
        {
            unsafe
            {
                // SAFETY: the pointer is only stored and compared, never followed.
                ones = Pointer.Box((void*)-1, field.FieldType);
            }
        }
        else
        {
            ones = RuntimeHelpers.GetUninitializedObject(field.FieldType);
            BytesOf(ones, SizeOf(field.FieldType)).Fill(0xFF);
        }
        field.SetValue(whole, ones);
        return BytesOf(whole, SizeOf(type)).IndexOf((byte)0xFF);
    }

    private static Span<byte> BytesOf(object boxed, int size) =>
        System.Runtime.InteropServices.MemoryMarshal.CreateSpan(ref Unsafe.As<StrongBox<byte>>(boxed).Value, size);

    private static int SizeOf(Type type) =>
        type.IsPointer
            ? IntPtr.Size
            : (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(type).Invoke(null, null)!;

    private static bool HeaderStructHas(string structName, string field)
    {
        Match body = Regex.Match(Preprocessed.Value, $@"struct {structName}\s*\{{([^}}]*)\}}");
        return body.Success && Regex.IsMatch(body.Groups[1].Value, $@"\b{field}\b");
    }

    private static readonly Lazy<string> Preprocessed = new(() =>
        Run("gcc", ["-E", "-dD", "-x", "c", "-"], Includes).Output
    );

    private static HashSet<string> NamesInHeaders() =>
        [.. Regex.Matches(Preprocessed.Value, @"\b[A-Za-z_][A-Za-z0-9_]*\b").Select(m => m.Value)];

    private static (int ExitCode, string Output) Compile(IEnumerable<string> asserts) =>
        Run("gcc", ["-std=gnu11", "-fsyntax-only", "-x", "c", "-"], Includes + string.Join('\n', asserts) + "\n");

    private static (int ExitCode, string Output) Run(string program, string[] arguments, string input)
    {
        ProcessStartInfo start = new(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        StringBuilder errors = new();
        process.ErrorDataReceived += (_, e) => errors.AppendLine(e.Data);
        process.BeginErrorReadLine();
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors);
    }
}
