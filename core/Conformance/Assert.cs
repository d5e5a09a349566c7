using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace GlanceGateway.Conformance;

// The checks that the cases need; a failure says what was looked at.
internal static class Assert
{
    public static void Equal(byte[] expected, byte[] actual, [CallerArgumentExpression(nameof(actual))] string what = "")
    {
        if (expected.Length != actual.Length)
            throw new ConformanceException($"{what}: expected {expected.Length} bytes, but there are {actual.Length}.");
        var same = expected.AsSpan().CommonPrefixLength(actual);
        if (same != expected.Length)
            throw new ConformanceException($"{what}: of {expected.Length} bytes the one at {same} is 0x{actual[same]:x2} instead of 0x{expected[same]:x2}.");
    }

    public static void Equal<T>(T expected, T actual, [CallerArgumentExpression(nameof(actual))] string what = "")
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
            throw new ConformanceException($"{what}: expected {Text(expected)}, but it is {Text(actual)}.");
    }

    public static void True(bool condition, string? because = null, [CallerArgumentExpression(nameof(condition))] string what = "")
    {
        if (!condition)
            throw new ConformanceException(because ?? $"Not so: {what}.");
    }

    public static void False(bool condition, [CallerArgumentExpression(nameof(condition))] string what = "") => True(!condition, $"Wrongly so: {what}.");

    public static void InRange(long value, long least, long most, [CallerArgumentExpression(nameof(value))] string what = "") =>
        True(value >= least && value <= most, $"{what}: {value} is not from {least} to {most}.");

    public static void Empty(IEnumerable items, [CallerArgumentExpression(nameof(items))] string what = "")
    {
        foreach (var item in items)
            throw new ConformanceException($"{what}: expected nothing, but there is {Text(item)}.");
    }

    public static void NotEmpty(string text, [CallerArgumentExpression(nameof(text))] string what = "") => True(text.Length > 0, $"{what}: it is empty.");

    public static void Contains(string part, string text, StringComparison comparison, [CallerArgumentExpression(nameof(text))] string what = "") =>
        True(text.Contains(part, comparison), $"{what}: '{part}' is not in '{text}'.");

    public static void DoesNotContain<T>(IEnumerable<T> items, Func<T, bool> bad, [CallerArgumentExpression(nameof(items))] string what = "")
    {
        foreach (var item in items.Where(bad))
            throw new ConformanceException($"{what}: there should be no {Text(item)}.");
    }

    public static void All<T>(IEnumerable<T> items, Action<T> check)
    {
        foreach (var item in items)
            check(item);
    }

    // Expects exactly this exception.
    public static async Task<T> ThrowsAsync<T>(Func<Task> call, [CallerArgumentExpression(nameof(call))] string what = "")
        where T : Exception
    {
        var thrown = await ThrowsAnyAsync<T>(call, what);
        return thrown.GetType() == typeof(T) ? thrown : throw new ConformanceException($"{what}: expected {typeof(T).Name}, but it threw {thrown.GetType().Name}: {thrown.Message}");
    }

    // Expects this exception or one derived from it.
    public static async Task<T> ThrowsAnyAsync<T>(Func<Task> call, [CallerArgumentExpression(nameof(call))] string what = "")
        where T : Exception
    {
        try
        {
            await call();
        }
        catch (T expected)
        {
            return expected;
        }
        catch (Exception other)
        {
            throw new ConformanceException($"{what}: expected {typeof(T).Name}, but it threw {other.GetType().Name}: {other.Message}");
        }

        throw new ConformanceException($"{what}: expected {typeof(T).Name}, but it ended well.");
    }

    [DoesNotReturn]
    public static void Skip(string reason) => throw new CaseSkippedException(reason);

    private static string Text<T>(T value) => value?.ToString() ?? "null";
}
