namespace GlanceGateway.TestPlugins.Library;

/// <summary>What differs between the versions.</summary>
public static class Greeting
{
    /// <summary>Names the version. Only this version has a method of this name.</summary>
    public static string SayVersion2() => "library 2";
}
