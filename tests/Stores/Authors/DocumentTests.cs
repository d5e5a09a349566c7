using GlanceGateway.Abstractions;
using GlanceGateway.Conformance;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests.Authors;

/// <summary>What the document for authors says is true.</summary>
public sealed class DocumentTests : IDisposable
{
    private static readonly string Template = Path.Combine(RepositoryPaths.Root, "templates", "driver", "Acme.ShelfDriver");

    private readonly TempDirectory root = new();

    public void Dispose() => root.Dispose();

    [Fact]
    public async Task The_driver_that_the_document_opens_with_compiles_and_conforms()
    {
        var document = await File.ReadAllTextAsync(Path.Combine(RepositoryPaths.Root, "docs", "writing-a-driver.md"), TestContext.Current.CancellationToken);
        var codes = document.Split("```csharp\n").Skip(1).Select(rest => rest.Split("```\n", 2)[0]).ToList();
        var code = codes[0];
        Assert.Equal(await File.ReadAllTextAsync(Path.Combine(Template, "Driver.cs"), TestContext.Current.CancellationToken), code);
        Assert.Equal(await File.ReadAllTextAsync(Path.Combine($"{Template}.Tests", "Conformance.cs"), TestContext.Current.CancellationToken), codes[1]);

        // The template's project, with the contract as it was just built in the place of the package.
        Directory.CreateDirectory(root["driver"]);
        await File.WriteAllTextAsync(root["driver/Driver.cs"], code, TestContext.Current.CancellationToken);
        File.Copy(Path.Combine(Template, PluginManifest.FileName), root["driver/plugin.json"]);
        var project = await File.ReadAllTextAsync(Path.Combine(Template, "Acme.ShelfDriver.csproj"), TestContext.Current.CancellationToken);
        var reference = "<PackageReference Include=\"GlanceGateway.Abstractions\" Version=\"0.1.0\" ExcludeAssets=\"runtime\" />";
        Assert.Contains(reference, project, StringComparison.Ordinal);
        await File.WriteAllTextAsync(
            root["driver/Acme.ShelfDriver.csproj"],
            project.Replace(reference, $"<Reference Include=\"{typeof(IStorageDriver).Assembly.Location}\" Private=\"false\" />", StringComparison.Ordinal),
            TestContext.Current.CancellationToken);
        (await DotnetAsync(["build", root["driver"], "-c", "Release", "-v", "q", "--nologo", "-o", root["built"]])).Succeeded();

        await ConformAsync(root["built"]);
        if (Environment.IsPrivilegedProcess)
            await FillAsync(root["built"]);
    }

    [Fact]
    public async Task The_template_makes_a_driver_and_tests_that_it_passes()
    {
        foreach (var packed in new[] { "core/Abstractions", "core/Conformance", "tests/Conformance", "templates" })
            (await DotnetAsync(["pack", Path.Combine(RepositoryPaths.Root, packed), "-c", "Release", "-v", "q", "--nologo", "-o", root["packages"]])).Succeeded();

        // What is not ours has been restored before, by the build of these tests.
        var restored = Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        await File.WriteAllTextAsync(
            root["NuGet.config"],
            $"<configuration><packageSources><clear/><add key=\"here\" value=\"{root["packages"]}\"/></packageSources><fallbackPackageFolders><clear/><add key=\"restored\" value=\"{restored}\"/></fallbackPackageFolders><config><add key=\"globalPackagesFolder\" value=\"{root["cache"]}\"/></config></configuration>",
            TestContext.Current.CancellationToken);
        Assert.Empty(Directory.EnumerateDirectories(restored, "glancegateway.*"));

        // A name that is no name in C#: files and assembly keep it, the code gets another.
        var hive = root["hive"];
        var package = Assert.Single(Directory.GetFiles(root["packages"], "GlanceGateway.Templates.*.nupkg"));
        (await DotnetAsync(["new", "install", package, "--debug:custom-hive", hive])).Succeeded();
        (await DotnetAsync(["new", "glance-driver", "-n", "acme-tape-driver", "-o", root["made"], "--debug:custom-hive", hive])).Succeeded();
        Assert.DoesNotContain("shelf", await File.ReadAllTextAsync(root["made/acme-tape-driver/Driver.cs"], TestContext.Current.CancellationToken), StringComparison.OrdinalIgnoreCase);
        (await DotnetAsync(["build", root["made/acme-tape-driver.Tests"], "-c", "Release", "-v", "q", "--nologo", "-p:OutDir=" + root["built/"]])).Succeeded();

        var tests = await Command.RunAsync(root["built/acme-tape-driver.Tests"], [], limit: TimeSpan.FromMinutes(5));
        tests.Succeeded();
        Assert.Contains("Failed: 0", tests.Output, StringComparison.Ordinal);
        File.Copy(root["made/acme-tape-driver/plugin.json"], Path.Combine(Directory.CreateDirectory(root["plugin"]).FullName, PluginManifest.FileName));
        File.Copy(root["built/acme-tape-driver.dll"], root["plugin/acme-tape-driver.dll"]);
        var plugin = Assert.Single(PluginCatalog.Of(Restricted(root["plugin"])).Plugins);
        Assert.Null(plugin.Problem);
        Assert.Equal("acme-tape", plugin.Name);
    }

    // Neither the build nodes nor the compiler server stay behind.
    private static Task<CommandResult> DotnetAsync(string[] arguments) => Command.RunAsync(
        "dotnet",
        arguments,
        new Dictionary<string, string> { ["MSBUILDDISABLENODEREUSE"] = "1", ["UseSharedCompilation"] = "false", ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1" },
        TimeSpan.FromMinutes(5));

    private static async Task ConformAsync(string folder)
    {
        Assert.Null(Assert.Single(PluginCatalog.Of(Restricted(folder)).Plugins).Problem);
        foreach (var promise in ConformanceSuite.Cases)
        {
            try
            {
                await promise.RunAsync(new AuthorFixture(folder), TestContext.Current.CancellationToken);
            }
            catch (CaseSkippedException)
            {
                // The example has no holes and no local files to show.
            }
        }
    }

    // A disk without room is an outcome from whatever call meets it, and nothing of the attempt stays.
    private async Task FillAsync(string folder)
    {
        var cancel = TestContext.Current.CancellationToken;
        await using var disk = await SmallDisk.MountAsync(root["small"], mebibytes: 3);
        await using var set = await StoreSet.OpenAsync(
            PluginCatalog.Of(folder),
            [StoreSets.Store("tested", "shelf", ("directory", disk.Path))],
            new StoreSetOptions { ScratchRoot = root["scratch"] },
            Quiet.Loggers,
            TimeProvider.System,
            cancel);
        foreach (var atCommit in new[] { false, true })
        {
            var request = new WriteRequest(new WriteAttempt(Guid.NewGuid().ToString("D"), Guid.NewGuid().ToString("N")), DeclaredSize: null, ProjectId: null);
            await using (var writer = (await set.Default.Driver.BeginWriteAsync(request, cancel)).Value!)
            {
                Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(new byte[1 << 20], cancel));
                await disk.FillAsync("other", mebibytes: 2);
                Assert.Equal(StoreOutcome.Full, atCommit ? (await writer.CommitAsync(cancel)).Outcome : await writer.WriteAsync(new byte[1 << 20], cancel));
            }

            Assert.Equal("other", Path.GetFileName(Assert.Single(Directory.GetFiles(disk.Path))));
            File.Delete(Path.Combine(disk.Path, "other"));
        }
    }

    // Made by the umask of whoever runs the tests.
    private static string Restricted(string folder)
    {
        foreach (var entry in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Append(folder))
            File.SetUnixFileMode(entry, File.GetUnixFileMode(entry) & ~(UnixFileMode.GroupWrite | UnixFileMode.OtherWrite));
        return folder;
    }
}
