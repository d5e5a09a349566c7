namespace GlanceGateway.Stores;

/// <summary>Exceptions of plugins as text: their types belong to the plugin, so no reference to one is kept.</summary>
internal static class ExceptionText
{
    /// <summary>One line: the type and message of the exception and of its causes.</summary>
    public static string Short(Exception exception)
    {
        var parts = new List<string>();
        for (var cause = exception; cause is not null && parts.Count < 5; cause = cause.InnerException)
            parts.Add($"{cause.GetType().Name}: {cause.Message.ReplaceLineEndings(" ")}");
        return string.Join(" ← ", parts);
    }
}
